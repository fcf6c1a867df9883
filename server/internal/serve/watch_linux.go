package serve

import (
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A watcher wakes clients that rest when there is something to read from them. While it watches, they need no
// goroutine, which would be half of the memory that a connection takes.
type watcher struct {
	// set at construction
	epoll int
	ready *os.File // epoll, for Go to wait for

	running sync.WaitGroup
	clients sync.Map // *client by the number of its socket
}

// newWatcher returns a watcher that runs until close, or nil where the system has none to give: every client
// then keeps its goroutine.
func newWatcher(guard func()) *watcher {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil || unix.SetNonblock(fd, true) != nil { // which os.NewFile asks for
		return nil
	}
	w := &watcher{epoll: fd, ready: os.NewFile(uintptr(fd), "epoll")}
	w.running.Go(func() {
		defer guard()
		w.run()
	})
	return w
}

func (w *watcher) close() {
	if w != nil {
		w.ready.Close()
		w.running.Wait()
	}
}

func (w *watcher) run() {
	raw, err := w.ready.SyscallConn()
	events := make([]unix.EpollEvent, 256)
	for err == nil {
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n > 0
		})
		for _, e := range events[:max(n, 0)] {
			if c, ok := w.clients.Load(int(e.Fd)); ok { // or it has just ended
				c.(*client).wake()
			}
		}
	}
}

// socket returns the number of nc, or 0 where it cannot be watched.
func (w *watcher) socket(nc net.Conn) (number int) {
	tcp, ok := nc.(*net.TCPConn)
	if w == nil || !ok {
		return 0
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return number
}

// watch wakes c once, when something has come for it or its connection has ended. first says that it was not
// watched before.
func (w *watcher) watch(c *client, first bool) error {
	op := unix.EPOLL_CTL_MOD
	if first {
		op = unix.EPOLL_CTL_ADD
		w.clients.Store(c.socket, c)
	}
	const what = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT
	return unix.EpollCtl(w.epoll, op, c.socket, &unix.EpollEvent{Events: what, Fd: int32(c.socket)})
}

// forget is called before the socket of c is closed, whose number another one may have then.
func (w *watcher) forget(c *client) { w.clients.Delete(c.socket) }
