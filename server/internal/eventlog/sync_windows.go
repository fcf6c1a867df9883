package eventlog

import "golang.org/x/sys/windows"

// notSynced are the errors of file systems that cannot flush a file.
var notSynced = []error{
	windows.ERROR_INVALID_FUNCTION, windows.ERROR_INVALID_PARAMETER, windows.ERROR_NOT_SUPPORTED,
}

// syncFolder has nothing to do: the file system keeps names by itself.
func syncFolder(string) error { return nil }
