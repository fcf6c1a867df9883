package fault

import (
	"fmt"
	"strconv"
	"strings"
)

// everyone is the recipient of a broadcast.
const everyone int32 = -1

// name returns the name that session id chats under.
func name(id int32) string { return "c" + strconv.Itoa(int(id)) }

// idOf returns the session that chats under a name.
func idOf(name string) (int32, bool) {
	digits, ok := strings.CutPrefix(name, "c")
	n, err := strconv.ParseInt(digits, 10, 32)
	return int32(n), ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == digits
}

// filler fills messages up with characters of one to four bytes, so that cuts also fall within characters.
var filler = []rune(strings.Repeat("the quick brown fox jümps över 12 läzy dogs, 敏捷的狐狸 🦊 ", 80))

// text returns the text of message n of a session: sender, recipient, number, and fill characters, which
// depend on these: so a reader knows whether the message is whole.
func text(from, to, n int32, fill int) string {
	recipient := "all"
	if to != everyone {
		recipient = name(to)
	}
	start := (int(n)*7 + int(from)) % 64
	return fmt.Sprintf("%s>%s#%d/%d %s", name(from), recipient, n, fill,
		strings.TrimSpace(string(filler[start:start+fill]))+".")
}

// parseText returns the fields of a text, and whether text could have made it.
func parseText(s string) (from, to, n int32, ok bool) {
	head, _, _ := strings.Cut(s, " ")
	sender, rest, ok1 := strings.Cut(head, ">")
	recipient, rest, ok2 := strings.Cut(rest, "#")
	number, fill, ok3 := strings.Cut(rest, "/")
	from, ok4 := idOf(sender)
	to = everyone
	ok5 := true
	if recipient != "all" {
		to, ok5 = idOf(recipient)
	}
	n64, err1 := strconv.ParseInt(number, 10, 32)
	length, err2 := strconv.ParseUint(fill, 10, 12)
	ok = ok1 && ok2 && ok3 && ok4 && ok5 && err1 == nil && err2 == nil && n64 >= 0
	n = int32(n64)
	return from, to, n, ok && int(length) <= maxFill && s == text(from, to, n, int(length))
}

// maxFill is the maximum of fill characters: with four bytes each, the message still fits a line of the
// protocol.
const maxFill = 900

// A Kind says what kind of line a client printed.
type Kind uint8

// The kinds of lines.
const (
	Other   Kind = iota // not part of the conversation
	Said                // a broadcast
	Told                // a unicast
	Joined              // someone came
	Left                // someone went
	Garbled             // a message that nobody can have sent
)

// An Event is a line of the conversation as a client printed it.
type Event struct {
	Kind        Kind
	From, To, N int32 // of a message; From alone of Joined and Left
}

// parseLine parses a line that a client printed.
func parseLine(line string) Event {
	end := strings.IndexAny(line, " :")
	if end < 0 {
		return Event{}
	}
	who, ok := idOf(line[:end])
	if !ok {
		return Event{}
	}
	rest := line[end:]
	switch {
	case rest == " has joined":
		return Event{Kind: Joined, From: who}
	case rest == " has left" || strings.HasPrefix(rest, " has left ("):
		return Event{Kind: Left, From: who}
	}
	e := Event{Kind: Said, From: who}
	said, ok := strings.CutPrefix(rest, ": ")
	if !ok {
		e.Kind = Told
		said, ok = strings.CutPrefix(rest, " → you: ")
		if !ok {
			return Event{Kind: Garbled, From: who}
		}
	}
	from, to, n, ok := parseText(said)
	if !ok || from != who {
		return Event{Kind: Garbled, From: who}
	}
	e.To, e.N = to, n
	return e
}
