package chat

import "time"

// A Kind says how much a line matters to its reader.
type Kind int

// The kinds of lines.
const (
	Answer   Kind = iota // the server's or the program's own words, and the results of commands
	Message              // what someone said just now, or what the server announces
	Presence             // a join or a leave
	Earlier              // what was said before the user joined, or was shown before
	Failure              // an error
	Unsent               // printed at the end: a text that may have reached nobody, to be kept or sent again
)

// A Line is something to read. Its texts are escaped, so they are safe for a screen.
type Line struct {
	Kind
	At time.Time // when it happened; zero if that does not matter
	// sender and, for a private message, receiver; empty for other lines. The user is [User]
	From, To string
	Text     string
}

// Head returns the beginning of a message, up to its text: sender and receiver, each name as style renders
// it.
func (l Line) Head(style func(name string) string) string {
	switch {
	case l.From == "":
		return ""
	case l.To == "":
		return style(l.From) + ": "
	}
	return style(l.From) + " → " + style(l.To) + ": "
}

// String returns the line as plain text.
func (l Line) String() string {
	text := l.Head(func(name string) string { return name }) + l.Text
	if l.Kind == Earlier {
		text = "(earlier) " + text
	}
	return text
}

// An Input is a line that the user typed, which may be a command.
type Input struct {
	Text   string
	Pasted bool // it is a message, whatever it begins with
	// if not nil, the line is only to be completed: receives the answer, perhaps later
	Complete func(Completion)
}

// A Completion says how a line may continue.
type Completion struct {
	Line   string   // the line that was asked about
	Longer string   // the line with everything that is certain; not escaped
	Words  []string // what its last word may become, escaped
	Note   string   // what the words leave out; empty if nothing
}

// A Status is what a prompt shows all the time.
type Status struct {
	To      string    // receiver of plain lines; empty for everyone
	Away    bool      // the connection is lost
	Retry   time.Time // when the next attempt to reconnect begins
	Taken   int       // lines of input handled so far
	Waiting int       // own messages that the server has not confirmed
	Getting Progress
}

// Progress is the progress of a download.
type Progress struct {
	Name       string // empty if there is no download
	Have, Size uint64 // bytes
	From       uint64 // bytes that were here at the beginning
	Began      time.Time
	More       int // further downloads in the queue
}

// A UI shows the chat to its user.
type UI interface {
	Show(Line)          // shows a line, at the next Flush at the latest
	Flush(Status) error // writes all lines to the screen, and the status
}

// Complaint returns an error message as this program prints it: one line in lower case after the program's
// name, without a full stop, with a hint if the user can do something about it.
func Complaint(text string) string { return "client: " + Escape(text) }

// NotSent is the line for a text that was typed but not sent; to is its receiver, empty for everyone.
func NotSent(to, text string) string { return Complaint(addressed("not sent", to) + text) }

// maybeSent is NotSent for a text that was sent but not confirmed.
func maybeSent(to, text string) string {
	return Complaint(addressed("may not have been sent", to) + text)
}

func addressed(what, to string) string {
	if to != "" {
		what += " to " + to
	}
	return what + ": "
}
