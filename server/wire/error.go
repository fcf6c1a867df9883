package wire

import "fmt"

// The codes of ERROR and REFUSED.
const (
	CodeUnknownVerb = "unknown-verb"  // no such verb
	CodeArguments   = "bad-arguments" // the verb takes other arguments
	CodeText        = "bad-text"      // not UTF-8, or with control characters
	CodeTooLong     = "too-long"      // a line over its limit
	CodeVersion     = "bad-version"   // another version of the protocol
	CodeNotJoined   = "not-joined"    // HELLO or RESUME must come first
	CodeJoined      = "joined"        // HELLO or RESUME came before
	CodeBadName     = "bad-name"      // not a name, see CheckName
	CodeNameTaken   = "name-taken"    // someone here has the name, or may come back to it
	CodeNameOwned   = "name-owned"    // the name belongs to other keys than the connection's
	CodeLookAlike   = "look-alike"    // the name can be taken for another that is here, away or owned
	CodeBanned      = "banned"        // the operator keeps the name, the address or the key out
	CodeClosed      = "closed"        // only owners of names and the invited come in
	CodeInviteWrong = "invite-wrong"  // no invitation has the code
	CodeInviteUsed  = "invite-used"   // someone has come in with the invitation
	CodeInviteOld   = "invite-old"    // the invitation was not used in time
	CodeInviteName  = "invite-name"   // the invitation is for another name
	CodeFull        = "full"          // no more sessions
	CodePlain       = "tls-required"  // plain text from another machine
	CodeTimeout     = "timeout"       // no HELLO in time
	CodeGone        = "gone"          // the session cannot be resumed
	CodeNoUser      = "no-user"       // nobody here has the name
	CodeAway        = "away"          // the user is disconnected and may come back
	CodeSelf        = "self"          // a TELL to oneself
	CodeSlow        = "slow"          // too much for the user is queued: try again later
	CodeTooSlow     = "too-slow"      // the session lags too far behind; it can be resumed
	CodeMoved       = "moved"         // the session goes on over another connection
	CodeNoFile      = "no-file"       // no such file in the shared folder
	CodeFileFailed  = "file-failed"   // the shared folder or a file in it cannot be read
	CodeChanged     = "changed"       // the file changed while it was sent
	CodeStopped     = "stopped"       // the download was stopped
	CodeNoDownload  = "no-download"   // nothing to stop
	CodeBusy        = "busy"          // too many downloads or lists are queued
)

// A ProtocolError says why a line is not carried out. It holds what the ERROR or REFUSED that answers the
// line says.
type ProtocolError struct {
	Verb Verb   // the line's own, or "-" when it has none that is known
	Code string // one of the Code constants
	Text string // what came and what is allowed
}

func (e *ProtocolError) Error() string { return e.Text }

// Errorf returns a ProtocolError with a formatted text.
func Errorf(verb Verb, code, format string, args ...any) *ProtocolError {
	return &ProtocolError{verb, code, fmt.Sprintf(format, args...)}
}

// Message returns the ERROR that tells e to the client.
func (e *ProtocolError) Message() Message {
	return Message{Verb: Error, Name: []byte(e.Verb), Code: []byte(e.Code), Text: Line(e.Text)}
}
