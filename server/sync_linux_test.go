package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// failSync has the kernel answer every fsync of this process with EIO from now on, as it does when a disk
// loses what it was given. Nothing takes that back.
func failSync(t *testing.T) {
	t.Helper()
	const number = 0 // offset of the system call's number in what the filter sees
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_FSYNC},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, err := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if err != 0 {
		t.Fatal(err)
	}
}

// With -sync, a disk that fails ends the server in the orderly way: what it could not keep is not confirmed,
// and the next server goes on.
func TestDiskFails(t *testing.T) {
	const child = "PARLEY_TEST_DISK_FAILS"
	if os.Getenv(child) == "" { // not in this process, which needs its disk
		cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFails$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	p := launch(t, nil, "-sync")
	alice, bob := p.dial(), p.join("bob")
	alice.Send("HELLO parley/1 alice 0")
	welcome := alice.Next()
	alice.Expect("JOINED alice")
	bob.Expect("JOINED alice")
	alice.Send("SAY kept")
	alice.Expect("OK")
	bob.Expect("SAID alice kept")
	failSync(t)
	alice.Send("SAY not kept")
	const notice = "NOTICE the server is shutting down: the conversation goes on when it is back"
	alice.ExpectEnd(notice)
	bob.ExpectEnd(notice)
	alice.Close()
	bob.Close()
	p.ended(1, fmt.Sprintf("server: cannot write the state: the disk failed: sync %s: input/output error\n",
		filepath.Join(p.dir, "state", "0000000000000000.events")))
	next := launch(t, nil, "-state", filepath.Join(p.dir, "state"))
	again := next.dial()
	again.Send(fmt.Sprintf("RESUME parley/1 %s %d", welcome.Token, welcome.Seq+1))
	again.Expect("RESUMED 2 welcome back, alice: 2 people are here")
}
