// Package fault tries the promise of parley: whatever breaks, each message that was taken reaches every
// session that comes back, once and in order.
//
// [Run] starts the real programs: a server and clients with pipes, each client behind a [Proxy] of its own.
// The clients talk to everyone and to each other, and fetch files, while the proxies delay, stall, tear, join
// and cut what they carry, at any byte, by plans that a seed determines. Then the faults stop, everything
// arrives, and [Check] compares what each client sent with what each one printed. Beside clients that stay,
// others may come and go: they end at the end of their input, leave at once, or are killed.
//
// The plan of a connection follows from the seed, the number of the client and that of the connection. The
// programs' own timing is not in it, so the same seed gives the same faults but not always the same run.
package fault
