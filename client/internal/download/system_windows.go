package download

import (
	"os"

	"golang.org/x/sys/windows"
)

const closeFirst = true // an open file can be neither renamed nor removed

// notSynced are the errors of file systems that cannot flush a file.
var notSynced = []error{
	windows.ERROR_INVALID_FUNCTION, windows.ERROR_INVALID_PARAMETER, windows.ERROR_NOT_SUPPORTED,
}

// lock locks a file for as long as it is open, and reports whether no other client has locked it. The locked
// byte lies beyond all content, because a lock also keeps others from reading.
func lock(f *os.File) bool {
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, at) != windows.ERROR_LOCK_VIOLATION
}

// links returns how many names a file has.
func links(f *os.File) uint64 {
	var info windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info) != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

// Free returns how many bytes can still be written in a folder, if that is known.
func Free(folder string) (bytes uint64, known bool) {
	name, err := windows.UTF16PtrFromString(folder)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &bytes, nil, nil)
	}
	return bytes, err == nil
}
