package eventlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A record is a payload after its prefix:
//
//	4 bytes  length of the payload, little-endian
//	4 bytes  CRC-32C of the segment's index, the record's offset in it, the length and the payload
//
// Because the checksum covers the place, a block of another file, or of another place in this one, is never
// taken for a record.
const prefixSize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns the checksum of the record of payload at an offset of the segment with that index.
func checksum(index uint64, offset int, payload []byte) uint32 {
	var place [20]byte
	binary.LittleEndian.PutUint64(place[:], index)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	binary.LittleEndian.PutUint32(place[16:], uint32(len(payload)))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, payload)
}

// putPrefix makes a record for an offset of the segment with that index, of bytes with room for the prefix.
func putPrefix(record []byte, index uint64, offset int) {
	payload := record[prefixSize:]
	binary.LittleEndian.PutUint32(record, uint32(len(payload)))
	binary.LittleEndian.PutUint32(record[4:], checksum(index, offset, payload))
}

// recordAt returns the payload of the record at an offset of a segment's data, and false where none is right.
func recordAt(data []byte, index uint64, offset int) (payload []byte, ok bool) {
	rest := data[offset:]
	if len(rest) < prefixSize {
		return nil, false
	}
	length := binary.LittleEndian.Uint32(rest)
	if uint64(length) > uint64(len(rest)-prefixSize) {
		return nil, false
	}
	payload = rest[prefixSize : prefixSize+int(length)]
	return payload, binary.LittleEndian.Uint32(rest[4:]) == checksum(index, offset, payload)
}

// torn reports whether the bytes from an offset on can be an unfinished write of one record: it is cut short,
// or its last bytes never reached the disk, and no right record follows. The file system may have made room.
func torn(data []byte, index uint64, offset int) bool {
	written := bytes.TrimRight(data[offset:], "\x00")
	if len(written) >= prefixSize {
		length := binary.LittleEndian.Uint32(written)
		if uint64(length) < uint64(len(written)-prefixSize) {
			return false
		}
	}
	for at := offset + 1; at < offset+len(written); at++ {
		if _, ok := recordAt(data, index, at); ok {
			return false
		}
	}
	return true
}
