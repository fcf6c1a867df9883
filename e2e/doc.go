// Package e2e runs the scenarios in ../testdata: each is a story about the real programs, server and client,
// that a person can read and a machine checks.
//
//	go test ./e2e                              run all; with -short, without those that take long
//	go test ./e2e -run Scenarios/join -v       run those whose name begins with join, and show every step
//	go test ./e2e -update                      write what cmp found different into the scenarios: look at it
//	go test ./e2e -run Faults -seed N          the same broken connections and killed servers again
//	go test ./e2e -run Faults -long 3h -timeout 0   go on with other seeds
//	go test ./e2e -run ClusterFaults -kills 100 -node-kills 20   more of them on several servers
//	go test ./e2e -windows                     the programs for Windows, started by the loader $PARLEY_WINE
//
// A scenario is a text archive: commands, one a line, then the files that they need. A line that begins with
// # is the story. Beside the commands below there are those of
// [github.com/rogpeppe/go-internal/testscript]: cmp, cp, env, exists, grep and mkdir are useful here.
//
// This is a scenario:
//
//	# What Alice types is shown to everyone else
//	serve
//	join alice
//	join bob
//	type alice hello
//	expect bob alice: hello
//
//	# but not to herself
//	type bob hello, Alice
//	expect alice bob: goodbye
//	never alice alice: hello
//
// It is wrong in its last line but one. A failure shows the story up to there, the commands of the part that
// failed, and what the program or connection printed that nothing has expected yet:
//
//	# What Alice types is shown to everyone else (0.033s)
//	# but not to herself (60.010s)
//	> type bob hello, Alice
//	> expect alice bob: goodbye
//	FAIL: ../testdata/say_to_everyone.txtar:10: expect: no "bob: goodbye": nothing more in 1m0s
//	unread from alice:
//		bob has joined
//		bob: hello, Alice
//
// Package fault breaks connections and kills the server while programs talk. Package attack does to the
// server what strangers could, and says what that costs those who talk. You need not read package load,
// which measures parley and other servers, unless you want to know how the figures in README.txt come about.
//
// # Texts
//
// A text on a command's line is the words up to its end. It needs quotes only to keep two spaces apart, or a
// # or $ as it is: 'as here'. Where a command waits for a text it is compared with a whole line, and in it
//
//	...      stands for anything
//	{word}   stands for one word, which the variable $word then holds
//
// # Commands
//
// The programs. Each runs in the scenario's own folder until the scenario ends, and its output is read as it
// comes.
//
//	serve [flag...]               start the server, named server, on a free port; $HOST, $PORT and $ADDR say
//	                              where it listens
//	join [-cable] NAME [flag...]  start the client as NAME and wait until it has joined; -cable connects it
//	                              by a cable that can be cut
//	start [-term] NAME PROGRAM [arg...]
//	                              start server or client, on a terminal of 80x24 or with pipes, call it NAME
//	                              and wait for nothing
//	type [-n] NAME TEXT           type a line into a program; -n leaves its end out
//	eof NAME                      end a program's input
//	expect NAME TEXT              wait until a program or a connection prints such a line, after the line
//	                              that was expected last
//	expecterr NAME TEXT           the same on a program's standard error
//	never NAME TEXT               so far no line, or row of a terminal, is such a text; it does not wait, so
//	                              expect a later line first, or use barrier
//	barrier NAME                  wait until the server has answered all that a client or connection sent
//	                              before, but for files; what others said until then has come to it, too
//	printed NAME FILE [TEXT]      write the lines so far that are such a text, or all, to FILE, with words
//	                              in capitals for times, ports, tokens and digests
//	crash NAME                    kill a program, as the power button does
//	signal NAME INT|TERM|HUP|QUIT  send a program a signal: INT is Ctrl-C, HUP is a terminal's window closed
//	ends NAME STATUS              wait until a program has ended with this exit status
//	rests NAME                    wait until a program wakes at most twice in a second; for [linux] only
//	limit SIZE                    programs that start from here on can write files up to SIZE only, as on a
//	                              full disk
//	ignore SIGNAL...              programs that start from here on have these signals ignored, as nohup does
//	                              HUP
//
// Terminals, for what people see when they use the client at a prompt.
//
//	term [-cable] NAME COLUMNSxROWS [flag...]
//	                          start the client as NAME on a terminal of this size and wait for its prompt
//	                          or, with $TERM set to dumb or network, until it has joined
//	press NAME KEYS           press keys: letters are themselves, others are <Enter>, <Ctrl-C>, <Up> ...
//	paste NAME FILE           paste the text in FILE, as terminals do it
//	screen NAME TEXT          wait until a row of the screen is such a text
//	look NAME LOOK TEXT       wait until TEXT, in a row of the screen, is plain, dim, bold or reverse, or
//	                          has a colour, from 0 to 255
//	bells NAME COUNT          wait until the terminal's bell has rung so often
//	prompt NAME TEXT          wait until the row with the cursor is such a text, | being the cursor
//	resize NAME COLUMNSxROWS  change the terminal's size
//
// Raw connections, for the protocol as package wire specifies it.
//
//	connect NAME [ADDRESS]  open a connection to the server and call it NAME; expect, never, barrier and
//	                        printed work on its lines. It comes from ADDRESS, which can be another than
//	                        127.0.0.1 on [linux], where 127.0.0.2 is this machine, too
//	crowd NAME COUNT [TEXT]  open COUNT connections, which join as NAME1, NAME2 and so on, all together, and
//	                        then send the line TEXT
//	send NAME TEXT          send a line
//	sendbytes NAME STRING   send exactly the bytes of a Go string, written without its quotes:
//	                        SAY\x20\xff\n; they can also be typed into a program
//	data NAME FILE          write the bytes that came after DATA lines to FILE
//	hangup NAME             close the connection, or a program's terminal, without a word
//	closed NAME             wait until the server has closed it
//
// Cables, between a client that joined with -cable and the server, even if another one has started since.
//
//	cut [-after BYTES] NAME     break the connection, at once or when so many more bytes have come to the
//	                            client
//	unplug [-after BYTES] NAME  carry nothing more, without telling either side
//	plug NAME                   carry on
//	tap NAME                    put someone with a key of their own between the ends of new connections
//
// Several servers that are one conversation, which nodes of NATS keep.
//
//	nats [-off] NODE...  start nats-server, as a cluster when there are several, with JetStream unless it is
//	                     off, and wait until it is ready; $NATS is where; one NODE that ran before starts
//	                     again with what it had
//	member [-cable] NAME [flag...]
//	                     start a server, named NAME, of the conversation that is kept at $NATS; $NAME and
//	                     $HOST are its address, $PORT its port; -cable connects it to NATS by a cable
//
// Files and the rest.
//
//	same FILE FILE          two files are the same, byte for byte
//	sparse FILE SIZE [OF]   make a file of SIZE bytes, nearly all zero, that takes no room: 5G, 64K; with
//	                        OF, the beginning of a file of that size
//	journal FILE            write server.log to FILE, with times and ports as words in capitals; the server
//	                        must have ended
//	repeat VAR COUNT TEXT   set $VAR to COUNT times the text
//	certify HOST            make cert.pem and key.pem for a server on HOST, signed with authority.pem
//
// The variable $SHARED is the folder of sample files in ../testdata/shared. The conditions [pty], [signals]
// and [limits] hold where the programs can be put on a terminal, be sent signals and be limited,
// [windows-programs] where they are built for Windows, as with -windows, and [nats] where nats-server can be
// built and run.
package e2e
