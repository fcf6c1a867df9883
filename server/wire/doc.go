// Package wire is the protocol parley/1, the one package that server and client share. This comment is its
// specification: a client in any language can be written from it.
//
// # Flow
//
// Client and server talk over one TCP connection in lines of text that a person can read and type. The client
// names itself with HELLO; the server answers WELCOME and from then on sends the session's stream: who
// joined, who left, what was said. The client sends its own lines at any time and need not wait for answers.
// QUIT ends the session; the server answers BYE and closes.
//
// When a connection breaks, the session outlives it for a grace period. A client that comes back says RESUME
// with the token from WELCOME and the last seq that it saw, and the stream goes on after that seq. RESUMED
// tells how many of the session's SAY and TELL lines the server has handled; the client sends the others
// again.
//
// # Lines
//
// A line is UTF-8 text that ends with LF; CR LF is accepted. It holds no control characters (U+0000 to
// U+001F, U+007F to U+009F) but its end. A client's line has at most [MaxLine] bytes, its end included, a
// server's at most [MaxServerLine]. A line is a verb and its arguments, each after exactly one space:
//
//	VERB SP argument SP ... SP last argument may hold spaces LF
//
// Numbers are decimal without sign. A name is what [CheckName] accepts, and holds no spaces. A file name is a
// path below the shared folder with / between its elements. Times (ms) are Unix time in milliseconds.
//
// # Client to server
//
//	HELLO parley/1 <name> <history>     must be first: take a name, and get that many of the newest
//	                                    messages, at most 1000
//	RESUME parley/1 <token> <seq>       or this first: go on with a session that was cut off, from after seq
//	TAKEOVER parley/1 <name> <history>  or this first: HELLO that also ends the session with that name,
//	                                    if the name belongs to the key of this connection
//	INVITE <code>                       before HELLO or TAKEOVER: an invitation by the operator
//	SAY <text>                          broadcast: to everyone but the sender
//	TELL <name> <text>                  unicast: to one
//	WHO                                 who is here
//	FILES                               open the shared folder and list it
//	GET <offset> <version> <file name>  download from offset; for version see The stream
//	STOP                                stop the download in progress and those that wait behind it
//	PING <seq>                          alive, and everything up to seq has arrived
//	QUIT                                leave
//
// # Server to client
//
//	WELCOME <token> <seq> <text>        you are in; text is for the person
//	RESUMED <count> <text>              you are back; so many of your SAY and TELL lines were handled
//	JOINED <seq> <ms> <name>            to everyone, the one who joined included
//	LEFT <seq> <ms> <name> [reason]     to everyone else; no reason after QUIT
//	SAID <seq> <ms> <name> <text>       a broadcast
//	TOLD <seq> <ms> <name> <text>       a unicast to you
//	OK <seq>                            your SAY or TELL has its place in the order
//	REFUSED <seq> <code> <text>         your SAY or TELL was not taken
//	USERS <count>                       the answer to WHO, followed by count lines, at most [MaxUsers]:
//	USER <name>
//	FILES <count> <text>                access granted, as text says; then count lines, at most [MaxFiles]:
//	FILE <size> <ms> <file name>        ms is when the file was written, 0 also for a time before 1970
//	SENDING <size> <offset> <version> <file name>
//	                                    a download begins: the file has size bytes, DATA starts at offset
//	DATA <n>                            n raw bytes follow the line; other lines may come between pieces
//	SENT <sha256> <size> <file name>    it is whole; this is the digest of the whole file, in lower case hex
//	PONG                                answer to PING
//	NOTICE <text>                       something from the server for the person
//	ERROR <verb> <code> <text>          why a line was not carried out; verb is the line's own, or -
//	BYE <text>                          the server closes now
//
// # The stream
//
// Seqs order the conversation: they ascend, gaps are allowed. Every SAY and TELL gets exactly one OK or
// REFUSED, in order. REFUSED slow means that too much for this user is still queued; the message is not sent
// later. After WELCOME come the SAID lines of the history asked for: their seqs are not above WELCOME's and
// they are never resumed. Then comes one's own JOINED. Every later line with a seq belongs to the session's
// stream, which arrives complete, ascending and without repeats across any number of broken connections. A
// session that broke off has LEFT for the others; when it resumes it has JOINED again, for itself too. BYE
// ends the session, but after ERROR - too-slow and ERROR - moved only the connection. A server that pauses,
// to be started again, closes after NOTICE without BYE: clients say RESUME until it is back. PONG may come
// without a PING, from a server whose disk keeps lines waiting. A delayed RESUME can arrive after its client
// has come back over another connection, and take the session from that one: so a client that is told moved
// and did not expect it says RESUME again.
//
// A file's version is the word <ms>-<32 hex>, of at most 60 bytes: when the file was written, and digits that
// change with the content, and at times without. The version of a GET is one of
//
//   - "-", for whatever the file is now
//   - a version that an earlier SENDING gave
//   - sha256: and the SHA-256 of the first offset bytes, which the client has, as 43 characters of base64url
//     without padding
//
// SENDING starts at the offset that was asked for if the file has so many bytes and is that version, or
// begins with bytes of that digest; otherwise at 0. A file that only grows while it is sent is sent in the
// size that SENDING gave. GETs are served one after the other. A download that fails ends with ERROR GET, one
// that was stopped with ERROR GET stopped, in the place of SENT. The answers to FILES and GET come when the
// disk has them, so those to later lines may come before.
//
// # Names and keys
//
// HELLO carries a name as [CheckName] returns it: in a normal form, of one script, with nothing that is
// invisible, and unlike the words with which a program's own lines begin. Two names are the same if they have
// the same [NameKey], and look alike if they have the same [Skeleton].
//
// A connection over TLS has a key, that of the certificate which its client presents; one in plain text has
// none. A name belongs to the first key that takes it: others who say HELLO with it get ERROR HELLO
// name-owned, and a session that began with a key is resumed only with this key and its token. Without a key,
// a name is kept for a session that broke off, for the grace period, unless the newcomer comes from the same
// address. The owner of a name that is here gets ERROR HELLO name-taken, with the address and the time of the
// other connection, and may say TAKEOVER: the other session ends with BYE and has LEFT.
//
// The operator invites someone with a code that is good for one name, for 7 days and for one session: it adds
// the connection's key to those of the name, and opens a closed server. INVITE is not answered, the HELLO or
// TAKEOVER after it is. A closed server tells those whom it does not know nothing but ERROR HELLO closed.
//
// # Errors
//
// An ERROR's code is one of the Code constants below. A line that cannot be understood gets an ERROR and
// changes nothing else: a SAY or TELL among them gets no OK or REFUSED and is not counted as handled. Until
// HELLO, TAKEOVER or RESUME succeeds, every other line but INVITE gets ERROR <verb> not-joined, and the
// connection ends after the third line, INVITE counted, or after 10 seconds.
//
// # Versions
//
// The version is the second word of HELLO, TAKEOVER and RESUME. A server that does not speak it answers ERROR
// with code bad-version and names the one it does. Within a version, verbs may be added: a client ignores a
// line whose verb it does not know, a server answers ERROR unknown-verb. A FILE or USER line that a client
// cannot read costs it this row; after any other such line the two are out of step.
package wire

// Version is the protocol's name, as HELLO and RESUME carry it.
const Version = "parley/1"

// Limits of the protocol.
const (
	// bytes of a client's line, its end included: several screens of text, and bounded memory for each reader
	MaxLine = 4096
	// bytes of a server's line, its end included: a client's line with seq, time and name before it fits
	MaxServerLine = 8192
	// USER lines of one answer: more than a server on one machine has, and bounded memory for a client
	MaxUsers = 100_000
	// FILE lines of one answer: more than a person looks through, and bounded memory for a client
	MaxFiles = 10_000
	// messages that HELLO can ask for: more than anyone reads back, and a burst of at most 4 MiB
	MaxHistory = 1000
)
