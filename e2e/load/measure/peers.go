//go:build linux

package measure

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A peer is a server that is measured, and as much of its protocol as that takes. Texts hold no spaces.
type peer struct {
	name    string
	program string   // its file, or its name on PATH
	version []string // arguments that make it print its version; nil where it is the project's own
	lifted  string   // the limits of its own that would get in the way, and how they are lifted
	// broadcasts that may be on their way to a receiver: as many as it takes without cutting or dropping
	window   int
	backlog  int  // connections that may be joining at a time
	presence bool // everyone is told of everyone who joins
	// what its clients say of TLS; nil for plain text
	tls *tls.Config

	// writes what the program needs into dir
	config func(dir string, port int, share string) (argv []string, err error)
	first  func(i int) []byte // what client i sends first
	// what has come to one who has joined
	in string
	// appends a broadcast, nil: it has none
	say func(b []byte, text []byte) []byte
	// appends a unicast, nil: it has none
	tell func(b []byte, to int, text []byte) []byte
	// appends what says that this came, nil: it has none
	ack func(b []byte, came []byte) []byte
	// gets the big file, nil: it has none
	fetch func(proc *process, to string) error
}

// peers returns parley, the bare loop, and the servers of other projects that are installed.
func (r *run) peers() []*peer {
	all := []*peer{
		r.parleyPeer("parley"), r.parleyPeer("parley in memory", "-state", ""), barePeer(r.Self), natsPeer(),
		ngircdPeer(), mosquittoPeer(), bunPeer(), bunWithPresence(), nginxPeer(), r.parleyTLS(), natsTLS(),
	}
	var found []*peer
	for _, p := range all {
		if path, err := exec.LookPath(p.program); err == nil {
			p.program = path
			found = append(found, p)
		}
	}
	return found
}

// describe returns the peer's version.
func (p *peer) describe() string {
	if p.version == nil {
		return ""
	}
	out, _ := exec.Command(p.program, p.version...).CombinedOutput()
	for word := range strings.FieldsSeq(string(out)) {
		word = strings.TrimPrefix(strings.TrimPrefix(word, "nginx/"), "ngircd-")
		word = strings.TrimPrefix(word, "v")
		if version, _, _ := strings.Cut(word, "-"); version != "" && version[0] >= '0' && version[0] <= '9' {
			return version
		}
	}
	return ""
}

func nick(i int) string { return fmt.Sprintf("u%05d", i) }

func (r *run) parleyPeer(name string, more ...string) *peer {
	return &peer{
		name: name, program: r.Server, window: 16384, backlog: 256, presence: true,
		lifted: "-rate 0 -max-clients 20000; it writes its log, with every text; " +
			"clients acknowledge as its own does",
		config: func(dir string, port int, share string) ([]string, error) {
			if share == dir {
				share = filepath.Join(dir, "shared") // the server's state is in dir
			}
			flags := append([]string{"-rate", "0", "-log-day", "0", "-max-clients", "20000", "-files", share},
				strings.Fields(r.Flags)...)
			flags = append(flags, more...)
			return append(flags, fmt.Sprintf("127.0.0.1:%d", port)), nil
		},
		first: func(i int) []byte { return fmt.Appendf(nil, "HELLO parley/1 %s 0\n", nick(i)) },
		in:    "WELCOME",
		fetch: func(proc *process, to string) error { return r.fetchParley(proc, to, nil) },
		say:   func(b, text []byte) []byte { return append(append(append(b, "SAY "...), text...), '\n') },
		tell: func(b []byte, to int, text []byte) []byte {
			return append(append(fmt.Appendf(b, "TELL %s ", nick(to)), text...), '\n')
		},
		ack: ackParley,
	}
}

// ackParley says PING with the seq of the last line that came.
func ackParley(b, came []byte) []byte {
	came = came[:max(bytes.LastIndexByte(came, '\n'), 0)]
	line := came[bytes.LastIndexByte(came, '\n')+1:]
	if _, seq, ok := bytes.Cut(line, []byte(" ")); ok {
		seq, _, _ = bytes.Cut(seq, []byte(" "))
		b = append(append(append(b, "PING "...), seq...), '\n')
	}
	return b
}

const bareName = "bare write(2) loop"

func barePeer(self string) *peer {
	return &peer{
		name: bareName, program: self, window: 16384, backlog: 256,
		lifted: "no protocol: it writes what comes to all others, with one thread",
		config: func(_ string, port int, _ string) ([]string, error) {
			return []string{"-bare", fmt.Sprint(port)}, nil
		},
		first: func(int) []byte { return []byte("\n") },
		in:    "\n",
		say:   func(b, text []byte) []byte { return append(append(b, text...), '\n') },
	}
}

func natsPeer() *peer {
	return &peer{
		name: "nats-server", program: "nats-server", version: []string{"-v"}, window: 16384, backlog: 256,
		lifted: "max_connections 20000, write_deadline 60s, max_pending 256 MB",
		config: func(dir string, port int, _ string) ([]string, error) {
			return withConfig(dir, "nats.conf",
				fmt.Sprintf("listen: 127.0.0.1:%d\nmax_connections: 20000\nmax_pending: 268435456\n"+
					"write_deadline: \"60s\"\nping_interval: \"1h\"\n", port), "-c")
		},
		first: func(i int) []byte {
			return fmt.Appendf(nil, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n"+
				"SUB room 1\r\nSUB u.%s 2\r\nPING\r\n", nick(i))
		},
		in:  "PONG\r\n",
		say: func(b, text []byte) []byte { return crlf(fmt.Appendf(b, "PUB room %d\r\n", len(text)), text) },
		tell: func(b []byte, to int, text []byte) []byte {
			return crlf(fmt.Appendf(b, "PUB u.%s %d\r\n", nick(to), len(text)), text)
		},
	}
}

func ngircdPeer() *peer {
	return &peer{
		name: "ngircd", program: "ngircd", version: []string{"--version"},
		window: 160, backlog: 8, presence: true,
		lifted: "MaxConnections 0, MaxConnectionsIP 0, MaxPenaltyTime 0; it cuts clients that lag 32 KiB, " +
			"so fewer messages are on their way",
		config: func(dir string, port int, _ string) ([]string, error) {
			return withConfig(dir, "ngircd.conf", fmt.Sprintf(`[Global]
Name = irc.example.net
Listen = 127.0.0.1
Ports = %d
ServerUID = 0
ServerGID = 0
MotdPhrase = hello
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
`, port), "-n", "-f")
		},
		first: func(i int) []byte {
			return fmt.Appendf(nil, "NICK %s\r\nUSER u 0 * :u\r\nJOIN #room\r\n", nick(i))
		},
		in:  " 366 ",
		say: func(b, text []byte) []byte { return crlf(append(b, "PRIVMSG #room :"...), text) },
		tell: func(b []byte, to int, text []byte) []byte {
			return crlf(fmt.Appendf(b, "PRIVMSG %s :", nick(to)), text)
		},
	}
}

func mosquittoPeer() *peer {
	// MQTT 5.0, sections 3.1 CONNECT, 3.8 SUBSCRIBE (options: 4 is no local), 3.3 PUBLISH at QoS 0.
	str := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	packet := func(b []byte, kind byte, body []byte) []byte {
		return append(append(b, kind, byte(len(body))), body...)
	}
	publish := func(b []byte, topic string, text []byte) []byte {
		b = append(b, 0x30)
		b = binary.AppendUvarint(b, uint64(2+len(topic)+1+len(text)))
		return append(append(str(b, topic), 0), text...)
	}
	return &peer{
		name: "mosquitto", program: "mosquitto", version: []string{"-h"}, window: 1024, backlog: 64,
		lifted: "max_queued_messages 0, set_tcp_nodelay; QoS 0",
		config: func(dir string, port int, _ string) ([]string, error) {
			return withConfig(dir, "mosquitto.conf",
				fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_connections -1\n"+
					"max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n"+
					"user root\nlog_type error\n", port), "-c")
		},
		first: func(i int) []byte {
			connect := append(str(nil, "MQTT"), 5, 2, 0, 0, 0)
			b := packet(nil, 0x10, str(connect, nick(i)))
			subscribe := append(str([]byte{0, 1, 0}, "room"), 4)
			return packet(b, 0x82, append(str(subscribe, "u/"+nick(i)), 4))
		},
		in:   "\x90\x05\x00\x01",
		say:  func(b, text []byte) []byte { return publish(b, "room", text) },
		tell: func(b []byte, to int, text []byte) []byte { return publish(b, "u/"+nick(to), text) },
	}
}

// bunScript is the server that Bun's documentation builds on: publish and subscribe over WebSocket.
const bunScript = `const names = new Map();
Bun.serve({
  hostname: "127.0.0.1", port: PORT,
  fetch(req, server) { server.upgrade(req, { data: req.url.split("?")[1] }); },
  websocket: {
    perMessageDeflate: false, idleTimeout: 0, sendPings: false, backpressureLimit: 256 << 20,
    open(ws) { ws.subscribe("room"); names.set(ws.data, ws); ws.send("welcome"); },
    message(ws, m) {
      if (m[0] == "@") names.get(m.slice(1, 7)).send(m.slice(7));
      else ws.publish("room", m);
    },
  },
});
`

// bunWithPresence is Bun's server where everyone is told of everyone who joins. Only that is measured of it.
func bunWithPresence() *peer {
	p := bunPeer()
	p.name, p.lifted, p.presence, p.say, p.tell = "Bun with presence", "the same", true, nil, nil
	p.config = bunConfig(strings.Replace(bunScript, `ws.send("welcome");`,
		`ws.send("welcome"); ws.publish("room", "joined " + ws.data);`, 1))
	return p
}

func bunConfig(script string) func(dir string, port int, share string) ([]string, error) {
	return func(dir string, port int, _ string) ([]string, error) {
		return withConfig(dir, "server.js", strings.Replace(script, "PORT", fmt.Sprint(port), 1), "run")
	}
}

func bunPeer() *peer {
	// RFC 6455, section 5.2: a text frame whose mask is zero.
	frame := func(b []byte, size int) []byte {
		if size < 126 {
			b = append(b, 0x81, 0x80|byte(size))
		} else {
			b = binary.BigEndian.AppendUint16(append(b, 0x81, 0x80|126), uint16(size))
		}
		return append(b, 0, 0, 0, 0)
	}
	return &peer{
		name: "Bun WebSocket", program: "bun", version: []string{"--version"}, window: 16384, backlog: 256,
		lifted: "backpressureLimit 256 MB, no compression, no pings",
		config: bunConfig(bunScript),
		first: func(i int) []byte {
			return fmt.Appendf(nil, "GET /?%s HTTP/1.1\r\nHost: localhost\r\n"+
				"Upgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", nick(i))
		},
		in:  "welcome",
		say: func(b, text []byte) []byte { return append(frame(b, len(text)), text...) },
		tell: func(b []byte, to int, text []byte) []byte {
			return append(fmt.Appendf(frame(b, len(text)+7), "@%s", nick(to)), text...)
		},
	}
}

func nginxPeer() *peer {
	return &peer{
		name: "nginx + curl", program: "nginx", version: []string{"-v"},
		lifted: "sendfile on, no log; curl, then fsync",
		config: func(dir string, port int, share string) ([]string, error) {
			return withConfig(dir, "nginx.conf", fmt.Sprintf(`daemon off;
user root;
pid %[1]s/pid;
error_log stderr;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  server { listen 127.0.0.1:%[2]d; root %[3]s; }
}
`, dir, port, share), "-c")
		},
		fetch: fetchCurl,
	}
}

func crlf(b, text []byte) []byte { return append(append(b, text...), "\r\n"...) }

// withConfig writes a program's configuration and returns the arguments that name it: args, and then its
// path.
func withConfig(dir, name, text string, args ...string) ([]string, error) {
	path := filepath.Join(dir, name)
	return append(args, path), os.WriteFile(path, []byte(text), 0o644)
}
