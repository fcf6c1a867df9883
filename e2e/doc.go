// Package e2e runs the scenarios in ../testdata: each is a story about the real programs, server and client, that a
// person can read and a machine checks.
//
//	go test ./e2e                              run all; with -short, without what takes long
//	go test ./e2e -run Scenarios/join -v       run those whose name begins with join, and show every step
//	go test ./e2e -update                      write what cmp found different into the scenario, to be looked at
//	go test ./e2e -run Faults -seed N          the same broken connections again
//	go test ./e2e -run Faults -long 3h -timeout 0   go on breaking connections
//	go test ./e2e -windows                     the programs as built for Windows, started by the loader $PARLEY_WINE
//
// A scenario is a text archive: commands, one a line, then the files that they need. A line that begins with # is the
// story; a failure shows the story up to the step that failed. Beside the commands below there are those of
// [github.com/rogpeppe/go-internal/testscript], of which cmp, cp, env, exists, grep and mkdir are useful here.
//
// # Texts
//
// A text on a command's line is the words up to its end, so it needs no quotes but to keep two spaces apart, or a # or $ as
// it is: 'as here'. Where a command waits for a text it is compared with a whole line, and in it
//
//	...      stands for anything
//	{word}   stands for one word, which the variable $word then holds
//
// # Commands
//
// The programs. Each runs in the scenario's own folder until the scenario ends, and what it prints is read at once.
//
//	serve [flag...]               start the server, named server, on a free port; $HOST, $PORT and $ADDR say where it listens
//	join [-cable] NAME [flag...]  start the client as NAME and wait until it has joined; through a cable when it shall be cut
//	start [-term] NAME PROGRAM [arg...]
//	                              start server or client, on a terminal of 80x24 or with pipes, call it NAME
//	                              and wait for nothing
//	type [-n] NAME TEXT           type a line into a program; -n leaves its end out
//	eof NAME                      end a program's input
//	expect NAME TEXT              wait until a program or a connection prints a line after those expected before
//	expecterr NAME TEXT           the same on a program's standard error
//	never NAME TEXT               no line, or row of a terminal, is such a text so far: wait for a later one first
//	printed NAME FILE [TEXT]      write the lines so far that are such a text, or all, to FILE, with words in capitals for
//	                              times, ports, tokens and digests
//	crash NAME                    kill a program, as the power button does
//	signal NAME INT|TERM|HUP|QUIT  send a program a signal: INT is Ctrl-C, HUP is the terminal's window closed
//	ends NAME STATUS              wait until a program has ended with this exit status
//	rests NAME                    wait until a program is woken twice at most in a second; for [linux] only
//	limit SIZE                    from here on, a program that starts can write files up to SIZE only, as on a full disk
//	ignore SIGNAL...              from here on, a program that starts has these signals ignored, as nohup does HUP
//
// Terminals, for what people see when they use the client at a prompt.
//
//	term [-cable] NAME COLUMNSxROWS [flag...]
//	                          start the client as NAME on a terminal of this size and wait for its prompt, or
//	                          with $TERM set to dumb or network until it has joined
//	press NAME KEYS           press keys: letters are themselves, others are <Enter>, <Ctrl-C>, <Up> ...
//	paste NAME FILE           paste the text in FILE, as terminals do it
//	screen NAME TEXT          wait until a row of the screen is such a text
//	look NAME LOOK TEXT       wait until TEXT, in a row of the screen, is plain, dim, bold or reverse, or of a colour, from 0
//	                          to 255
//	bells NAME COUNT          wait until the terminal's bell has rung so often
//	prompt NAME TEXT          wait until the row with the cursor is such a text, | being the cursor
//	resize NAME COLUMNSxROWS  change the terminal's size
//
// Raw connections, for the protocol as package wire specifies it.
//
//	connect NAME            open a connection to the server and call it NAME; expect, never and printed see its lines
//	send NAME TEXT          send a line
//	sendbytes NAME STRING   send exactly the bytes of a Go string, written without its quotes: SAY\x20\xff\n; they can also
//	                        be typed into a program
//	data NAME FILE          write the bytes that came after DATA lines to FILE
//	hangup NAME             close the connection, or a program's terminal, without a word
//	closed NAME             wait until the server has closed it
//
// Cables, between a client that joined with -cable and the server, whichever runs at the time.
//
//	cut [-after BYTES] NAME     break the connection, at once or when so many more bytes have come for the client
//	unplug [-after BYTES] NAME  carry nothing any more, and do not say so to either side
//	plug NAME                   carry on
//
// Files and the rest.
//
//	same FILE FILE          two files are the same, byte for byte
//	sparse FILE SIZE        make a file of SIZE bytes, nearly all zero, that takes no room: 5G, 64K
//	journal FILE            write server.log to FILE, with times and ports as words in capitals; the server must have ended
//	repeat VAR COUNT TEXT   set $VAR to COUNT times the text
//
// The variable $SHARED is the folder of sample files in ../testdata/shared. The conditions [pty], [signals] and [limits] hold
// where the programs can be put on a terminal, be sent signals and be limited, [windows-programs] where they are built for
// Windows, as with -windows.
package e2e
