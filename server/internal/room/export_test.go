package room

// Inboxes returns how many bytes of memory the inboxes take.
func (r *Room) Inboxes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inboxes
}

// Session returns the session of c.
func (c *Conn) Session() *Session { return c.session }

// Say posts a broadcast.
func (c *Conn) Say(text []byte) (seq uint64, err error) {
	posts := [1]Post{{Text: text}}
	_, err = c.Post(posts[:])
	return posts[0].Seq, err
}

// Tell posts a unicast. A *wire.ProtocolError has been told to the sender.
func (c *Conn) Tell(name, text []byte) (seq uint64, to string, err error) {
	posts := [1]Post{{To: name, Text: text}}
	if _, err = c.Post(posts[:]); posts[0].Refused != nil {
		err = posts[0].Refused
	}
	return posts[0].Seq, posts[0].Peer, err
}
