package wire

// Buffered returns how many bytes have been read from the source and not yet returned.
func (r *Reader) Buffered() int { return r.w - r.r }

// BuildOf is what Build says of such a build.
var BuildOf = build
