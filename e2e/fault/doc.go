// Package fault tries the promise of parley: whatever breaks, each message that was taken reaches every
// session that comes back, once and in order.
//
// [Run] starts the real programs: a server and clients with pipes, each client behind a [Proxy] of its own.
// The clients talk to everyone and to each other, and fetch files, while the proxies delay, stall, tear, join
// and cut what they carry, at any byte, by plans that a seed determines. Meanwhile the server is killed again
// and again, also while it starts, or asked to end, and the same command goes on with the same state folder.
// Then the faults stop, everything arrives, and [Check] compares what each client sent with what each one
// printed. Beside clients that stay, others may come and go: they end at the end of their input, leave at
// once, or are killed.
//
// A client that does not come back to a new server in time has left, and joins when it is back: that is no
// fault. A client that the server does not know any more fails the run.
//
// The plan of a connection follows from the seed, the number of the client and that of the connection. The
// times of the kills follow from the seed. The programs' own timing is not in it, so the same seed gives the
// same faults but not always the same run.
//
// The conversation may have several servers, and NATS to keep it. Then each new connection of a client leads
// to another server, and nodes of NATS are killed, too.
//
// A [Flaw] makes an event log that breaks its promise at every kill: a test has the checker find that.
package fault
