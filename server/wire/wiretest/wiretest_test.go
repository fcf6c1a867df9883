package wiretest_test

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire/wiretest"
)

func TestScript(t *testing.T) {
	near, far := wiretest.TCP(t)
	server, client := wiretest.NewServer(t, near), wiretest.NewClient(t, far)
	client.Send("HELLO parley/1 alice 0")
	server.Script(`
		> HELLO parley/1 alice 0
		< WELCOME tok 7 hi
		< JOINED 8 1700000000000 alice
		close
	`)
	client.Script(`< WELCOME ...`)
	if joined := client.Next(); string(joined.Name) != "alice" || joined.Seq != client.Seq {
		t.Errorf("%+v after seq %d", joined, client.Seq)
	}
	client.Script(`end`)
	if client.Token != "tok" || client.Seq != 8 {
		t.Errorf("token %q and seq %d were read, want tok and 8", client.Token, client.Seq)
	}
}

// A client that reads ahead keeps no one waiting, and leaves after BYE.
func TestReadAhead(t *testing.T) {
	near, far := net.Pipe()
	client := wiretest.NewClient(t, far).ReadAhead()
	wiretest.NewServer(t, near).Script(`
		< DATA 4
		< abc
		< OK 4
		< BYE see you
		end
	`)
	client.ExpectEnd(`DATA 4 "abc\n"`, "OK", "BYE see you")
}

func TestFormat(t *testing.T) {
	for line, want := range map[string]string{
		"WELCOME tok 3 hi all":         "WELCOME hi all",
		"LEFT 6 1700000000000 bob":     "LEFT bob",
		"SAID 7 1 bob 8 9":             "SAID bob 8 9",
		"REFUSED 10 no-user nobody is": "REFUSED no-user nobody is",
		"FILE 11 1700000000000 a b":    "FILE 11 a b",
		"SENDING 13 0 17-00ff a b":     "SENDING 13 0 a b",
		"RESUMED 4 hi":                 "RESUMED 4 hi",
		"PING 12":                      "PING 12",
	} {
		if diff := cmp.Diff(want, wiretest.Format(line)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}
