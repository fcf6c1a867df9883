package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName      = "parley"
	entriesSubject  = "parley.entries"
	partSubject     = "parley.part"     // a piece of a snapshot
	snapshotSubject = "parley.snapshot" // where the newest snapshots are, oldest first, as JSON

	// bytes of the stream, of which NATS drops the oldest: 16 MiB of batches, and the snapshots among them
	streamBytes = 256 << 20
	// a start goes back to the oldest of so many snapshots, so that clients can come back who missed 16 MiB
	snapshots = 5
	partBytes = 512 << 10 // of a snapshot
	// of a message: a batch has less, unless one proposal alone has more
	leastPayload = 1 << 20

	startTime   = 20 * time.Second // for NATS to be there, and to have elected a leader
	requestTime = 2 * time.Second  // for an answer to anything else
	noticeAfter = 2 * time.Second
)

// bytes of batches after which there is a snapshot; a test makes it less
var snapshotEvery = 4 << 20

// ClusterOptions say how NATS is reached. Trouble and Notice must not call the log.
type ClusterOptions struct {
	URLs        string // nats://HOST:PORT, or tls://, with commas between
	Credentials string // a file as NATS makes it; none if empty
	CA          string // a file with certificates that vouch for NATS; the system's if empty
	Name        string // of this server, for who looks at NATS

	Trouble func(error)       // told when entries cannot be committed, and with nil when they can again
	Notice  func(text string) // told what the start waits for
}

// Join connects to NATS and returns the log of the cluster whose stream is there, or of a new one. The state,
// empty before, is what the stream holds. An error is one line that says what to do.
func Join(ctx context.Context, state ClusterState, opt ClusterOptions) (*Log, error) {
	options := []nats.Option{nats.Name("parley " + opt.Name), nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true), nats.ReconnectWait(pause), nats.Timeout(requestTime),
		nats.PingInterval(requestTime), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // which the requests return, too
		nats.ReconnectBufSize(-1)} // else a request that failed is carried out when the connection is back
	if opt.Credentials != "" {
		options = append(options, nats.UserCredentials(opt.Credentials))
	}
	if opt.CA != "" {
		options = append(options, nats.RootCAs(opt.CA))
	}
	s := &stream{state: state, opt: opt}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	secret := regexp.MustCompile(`\w+://([^,@]*@)?`)
	s.where = "NATS at " + secret.ReplaceAllString(opt.URLs, "")
	var err error
	s.nc, err = nats.Connect(opt.URLs, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w: check -cluster", s.where, err)
	}
	s.js, err = jetstream.New(s.nc)
	if err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return newLog(state, s, opt.Trouble), nil
}

// start waits for the stream, and reads it to its end.
func (s *stream) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	notice := time.AfterFunc(noticeAfter, func() { s.opt.Notice("waiting for " + s.where) })
	defer notice.Stop()
	end, err := s.openStream(ctx)
	for ; err != nil; end, err = s.openStream(ctx) {
		if _, refused := errors.AsType[refusal](err); refused {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot use %s: %w: is it running, of a cluster three nodes?", s.where,
				s.explain(err))
		case <-time.After(pause):
		}
	}
	if err := s.restore(ctx); err != nil {
		return err
	}
	read := make(chan struct{})
	reached := sync.OnceFunc(func() { close(read) })
	if s.seq >= end {
		reached()
	}
	s.work.Go(func() { s.read(end, reached) })
	select {
	case <-read:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-ctx.Done():
		return fmt.Errorf("cannot read the stream %s of %s in time: try again", streamName, s.where)
	}
	return nil
}

// A refusal is why NATS, as it is, cannot keep the conversation.
type refusal string

func (r refusal) Error() string { return string(r) }

// openStream finds the stream, or makes it, and returns the seq of its last message.
func (s *stream) openStream(ctx context.Context) (end uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	if !s.nc.IsConnected() {
		return 0, errors.New("no connection")
	}
	want := jetstream.StreamConfig{Name: streamName, Subjects: []string{streamName + ".>"},
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld, MaxBytes: streamBytes, MaxMsgs: -1,
		MaxMsgsPerSubject: -1, Replicas: 1}
	if s.nc.ConnectedClusterName() != "" {
		want.Replicas = 3 // so that it outlives a node
	}
	s.stream, err = s.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s.stream, err = s.js.CreateStream(ctx, want)
	}
	if unfit := s.unfit(err); unfit != nil {
		return 0, unfit
	}
	if err != nil {
		return 0, err
	}
	info := s.stream.CachedInfo()
	got, wrong := info.Config, []string{}
	for needed, is := range map[string]bool{
		"file storage":                     got.Storage == want.Storage,
		"one copy on each of 3 nodes":      got.Replicas >= want.Replicas,
		"256 MiB":                          got.MaxBytes >= want.MaxBytes,
		"the subjects " + want.Subjects[0]: slices.Equal(got.Subjects, want.Subjects),
		"all limits off but of bytes":      got.MaxMsgs < 0 && got.MaxMsgsPerSubject < 0 && got.MaxAge == 0,
		"to drop nothing but the oldest":   got.Retention == want.Retention && got.Discard == want.Discard,
	} {
		if !is {
			wrong = append(wrong, needed)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return 0, refusal(fmt.Sprintf("the stream %s of %s needs %s: change it with nats stream edit, or "+
			"remove it, which ends its conversation", streamName, s.where, strings.Join(wrong, ", ")))
	}
	return info.State.LastSeq, nil
}

// unfit returns why the node that the log is connected to cannot keep the conversation, or nil. err is what
// came of a request.
func (s *stream) unfit(err error) error {
	var major, minor int
	fmt.Sscanf(s.nc.ConnectedServerVersion(), "%d.%d", &major, &minor)
	on, _ := s.nc.ConnectedServerJetStream()
	switch {
	case major < 2 || major == 2 && minor < 10:
		return refusal(fmt.Sprintf("%s is version %d.%d: use 2.10 or newer", s.where, major, minor))
	case !on && errors.Is(err, nats.ErrNoResponders): // another node of a cluster may have it on
		return refusal(s.where + " has JetStream off: start nats-server with -js")
	case s.nc.MaxPayload() < leastPayload:
		return refusal(fmt.Sprintf("%s takes messages up to %d bytes only: set max_payload to %d at least",
			s.where, s.nc.MaxPayload(), leastPayload))
	}
	return nil
}

// restore gives the empty state the oldest of the snapshots that the stream still has with all batches since.
func (s *stream) restore(ctx context.Context) error {
	last, err := s.stream.GetLastMsgForSubject(ctx, snapshotSubject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // the stream must reach back to its first message, which readOn looks at
	}
	if err == nil {
		err = json.Unmarshal(last.Data, &s.snapshots)
	}
	if len(s.snapshots) < snapshots && s.stream.CachedInfo().State.FirstSeq <= 1 {
		return nil // the beginning of the stream is further back
	}
	for _, from := range s.snapshots {
		var data []byte
		for _, part := range append(from.Parts, from.Seq) {
			last, err = s.stream.GetMsg(ctx, part)
			if err != nil {
				break
			}
			if part != from.Seq {
				data = append(data, last.Data...)
			}
		}
		if err == nil {
			s.seq, s.time = from.Seq, from.Time
			return s.state.Restore(data)
		}
	}
	return fmt.Errorf("cannot read a snapshot in the stream %s of %s: %w", streamName, s.where, err)
}
