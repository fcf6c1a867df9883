package asynclog

import (
	"context"
	"log/slog"
)

// A handler formats lines of the log and passes them to its Budget.
type handler struct {
	slog.Handler // writes to budget.line
	budget       *Budget
	address      func(string) string // see Handler
	source       Source
}

// Handler returns a handler of log lines. Their source is that of the attribute of type Source or, if they
// have none, the stranger at the address in the attribute addr, from which address removes the port.
func (b *Budget) Handler(address func(string) string) slog.Handler {
	return handler{Handler: slog.NewTextHandler(&b.line, nil), budget: b, address: address}
}

// Handle is part of slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	source := h.source
	r.Attrs(func(a slog.Attr) bool {
		source = h.find(source, a)
		return true
	})
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.line.Reset()
	err := h.Handler.Handle(ctx, r)
	b.lineLocked(source, r.Message, r.Time.UnixMilli(), b.line.Bytes())
	return err
}

// find returns the source that an attribute names, or the present one.
func (h handler) find(present Source, a slog.Attr) Source {
	if s, ok := a.Value.Any().(Source); ok {
		return s
	}
	if a.Key == "addr" && present.Class == Own {
		return Source{Stranger, h.address(a.Value.String())}
	}
	return present
}

// WithAttrs is part of slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.source = h.find(h.source, a)
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup is part of slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}
