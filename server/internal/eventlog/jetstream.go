package eventlog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The log of a cluster is a stream of NATS JetStream, which all servers write to and read. A message on
// entriesSubject is one server's batch of entries:
//
//	1 byte   version of the format
//	8 bytes  number of the server, little-endian
//	8 bytes  number of the batch, which counts the server's own from 1
//	entries
//
// A server has one message at a time on its way. When it does not know what became of it, it sends it again:
// the state applies each batch once.
const (
	batchVersion = 1
	batchPrefix  = 17

	// before a message is sent again, and before the stream is read again
	pause = 250 * time.Millisecond
	// without a commit for so long, Trouble is told; to elect a leader takes up to 9 s at the worst
	patience = 3 * time.Second
)

var (
	// ErrFenced tells that the other servers have taken this one for gone. Nothing follows from its entries
	// until it takes part again as another.
	ErrFenced = errors.New("this server was cut off from the others")

	// ErrStream tells that the stream is not the one whose entries were applied, or has lost some of them.
	ErrStream = errors.New("the stream cannot be read on")
)

// A ClusterState is the state that the servers of a cluster make, each for itself, of the same batches.
type ClusterState interface {
	State
	// ApplyBatch applies a server's batch, unless it was applied before. It reports whether the server takes
	// part; if not, nothing follows from its entries.
	ApplyBatch(server, number uint64, entries []byte) (member bool, err error)
	// Server returns this server's number. It may be called from any goroutine.
	Server() uint64
}

// A stream is the log of several servers.
type stream struct {
	// set at construction
	state  ClusterState
	opt    ClusterOptions
	where  string // NATS is, for people
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	ctx    context.Context // ends with close, or when the stream cannot be read on
	stop   context.CancelCauseFunc
	work   sync.WaitGroup

	server, number uint64 // of the newest batch; Log.commit guards them

	mu   sync.Mutex // guards sent
	sent *sent      // the batch on its way; nil if there is none

	// owned by the goroutine that reads
	seq, time uint64     // of the newest message, as in a snapshot; both are 0 before the first
	snapshots []snapshot // the newest few, oldest first
	since     int        // bytes of batches after them
}

// A sent batch is one whose fate is not known yet.
type sent struct {
	server, number uint64
	read           chan bool // gets whether the server takes part, when the batch was applied
}

// A snapshot says where a snapshot is, and which batches it has.
type snapshot struct {
	Seq, Time uint64   // of the message with the newest batch in it; Time in Unix nanoseconds
	Parts     []uint64 // messages with the pieces
}

// commit sends a group, and returns when it was applied. After an error that is not final, it is called again
// with the same group.
func (s *stream) commit(record []byte, closing <-chan struct{}) error {
	if server := s.state.Server(); server != s.server {
		s.server, s.number = server, 0
	}
	message := append(make([]byte, 0, batchPrefix+len(record)), batchVersion)
	message = binary.LittleEndian.AppendUint64(message, s.server)
	message = binary.LittleEndian.AppendUint64(message, s.number+1)
	message = append(message, record[prefixSize:]...)
	b := &sent{s.server, s.number + 1, make(chan bool, 1)}
	s.mu.Lock()
	s.sent = b
	s.mu.Unlock()
	err := s.deliver(message, b, closing)
	if err == nil || errors.Is(err, ErrFenced) {
		s.number++
	}
	return err
}

// deliver sends a batch until it was read, or until that takes too long.
func (s *stream) deliver(message []byte, b *sent, closing <-chan struct{}) error {
	var err error
	inStream := false
	for started := time.Now(); time.Since(started) < patience; {
		if !inStream {
			_, err = s.send(entriesSubject, message)
			inStream = err == nil
		}
		select {
		case member := <-b.read: // whatever was answered
			if !member {
				return ErrFenced
			}
			return nil
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-closing:
			return ErrClosed
		case <-time.After(pause):
		}
	}
	if inStream {
		err = errors.New("the stream is not read")
	}
	return s.explain(err)
}

// send publishes a message and waits for the answer, which says that it is in the stream for good.
func (s *stream) send(subject string, data []byte) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(s.ctx, requestTime)
	defer cancel()
	return s.js.Publish(ctx, subject, data, jetstream.WithExpectStream(streamName))
}

// explain returns why NATS does not answer, if the connection knows that better than a request.
func (s *stream) explain(err error) error {
	if last := s.nc.LastError(); last != nil && !s.nc.IsConnected() {
		return last
	}
	return err
}

func (s *stream) close() error {
	s.stop(ErrClosed)
	s.nc.Close()
	s.work.Wait()
	return nil
}

// read reads the stream until the log ends, and calls reached from the seq end on.
func (s *stream) read(end uint64, reached func()) {
	for s.ctx.Err() == nil {
		if err := s.readOn(end, reached); errors.Is(err, ErrStream) {
			s.stop(err)
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(pause):
		}
	}
}

// readOn reads the stream until its consumer fails. The consumer is one of the log's own, because the ordered
// one of the library takes longer to notice that a node is gone. It begins with the newest message that was
// read: if that is another now, so is the stream.
func (s *stream) readOn(end uint64, reached func()) error {
	ctx, cancel := context.WithTimeout(s.ctx, requestTime)
	defer cancel()
	consumer, err := s.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(s.seq, 1),
		InactiveThreshold: 10 * time.Second, MemoryStorage: true, Replicas: 1})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(time.Second),
		jetstream.PullExpiry(5*time.Second), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for again := s.seq > 0; ; {
		m, err := messages.Next(jetstream.NextContext(s.ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		seq, at := meta.Sequence.Stream, uint64(meta.Timestamp.UnixNano())
		switch {
		case again && seq < s.seq: // from a node that is behind
			continue
		case again && (seq != s.seq || at != s.time):
			return fmt.Errorf("%w: it was replaced, or has lost what was read: start again", ErrStream)
		case again:
			again = false
			continue
		case seq != s.seq+1 && s.seq == 0:
			return fmt.Errorf("%w: its first messages are gone, and there is no snapshot: "+
				"remove the stream %s to begin a new conversation", ErrStream, streamName)
		case seq != s.seq+1:
			return errors.New("the consumer left messages out")
		}
		s.seq, s.time = seq, at
		if err := s.take(m.Subject(), m.Data()); err != nil {
			return fmt.Errorf("%w: message %d: %w", ErrStream, seq, err)
		}
		if seq >= end {
			reached()
		}
	}
}

// take takes a message of the stream. The server whose batch makes a snapshot due makes it.
func (s *stream) take(subject string, data []byte) error {
	switch subject {
	case snapshotSubject:
		s.since = 0
		return json.Unmarshal(data, &s.snapshots)
	case entriesSubject:
		own, err := s.apply(data)
		if err != nil {
			return err
		}
		before := s.since / snapshotEvery
		s.since += len(data)
		if own && s.since/snapshotEvery > before {
			made, content := snapshot{Seq: s.seq, Time: s.time}, s.state.Snapshot()
			earlier := slices.Clone(s.snapshots[max(len(s.snapshots)-snapshots+1, 0):])
			s.work.Go(func() { s.publishSnapshot(earlier, made, content) })
		}
	}
	return nil
}

// apply applies a batch that was read, and tells commit if it is its own, which it reports.
func (s *stream) apply(message []byte) (own bool, err error) {
	if len(message) < batchPrefix || message[0] != batchVersion {
		return false, errors.New("another version of the server wrote it: use that here, too")
	}
	server := binary.LittleEndian.Uint64(message[1:])
	number := binary.LittleEndian.Uint64(message[9:])
	member, err := s.state.ApplyBatch(server, number, message[batchPrefix:])
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.sent; b != nil && b.server == server && b.number == number {
		b.read <- member
		s.sent, own = nil, true
	}
	return own, nil
}

// publishSnapshot puts a snapshot into the stream. If that fails, the next one is made in time.
func (s *stream) publishSnapshot(all []snapshot, made snapshot, content []byte) {
	for part := range slices.Chunk(content, partBytes) {
		ack, err := s.send(partSubject, part)
		if err != nil {
			return
		}
		made.Parts = append(made.Parts, ack.Sequence)
	}
	if index, err := json.Marshal(append(all, made)); err == nil {
		_, _ = s.send(snapshotSubject, index)
	}
}
