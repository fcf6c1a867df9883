package terminal

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"parley/client/internal/chat"
)

const (
	frame    = 50 * time.Millisecond // from one print to the next
	readable = 100                   // messages printed in a frame, the newest: more than anyone reads
	maxPast  = 100                   // lines that the up key goes back
	atOnce   = 10                    // pasted lines that are sent without a question
	// messages without an answer before pasted lines wait: what the server takes in a second
	maxAhead = 100
	onceMore = "once more to leave"
)

// A news is what has happened.
type news struct {
	lines  []chat.Line // to be printed
	missed int         // messages before these that are not printed
	status chat.Status
	last   bool // nothing comes any more
}

// add adds later news. Of too many messages, comings and goings the oldest are only counted.
func (n *news) add(later news) {
	all, live := append(n.lines, later.lines...), 0
	*n = news{nil, n.missed + later.missed, later.status, later.last}
	for _, l := range slices.Backward(all) {
		counts := l.Kind == chat.Message || l.Kind == chat.Presence
		if counts {
			live++
		}
		if counts && live > readable {
			n.missed++
		} else {
			n.lines = append(n.lines, l)
		}
	}
	slices.Reverse(n.lines)
}

// nextFrame has Update called with the time when a frame is over.
func nextFrame() tea.Cmd { return tea.Tick(frame, func(now time.Time) tea.Msg { return now }) }

// A redraw has the prompt drawn again, because what it says depends on the time.
type redraw struct{}

// A prompt is the line that is typed. All of it is owned by the goroutine that runs the program.
type prompt struct {
	own      *mention // the user's name
	line     textinput.Model
	typed    chan<- chat.Input // nil after it was closed
	send     func(tea.Msg)     // has Update called with a message
	size     tea.WindowSizeMsg // of the screen
	columns  ansi.Method       // how the terminal and Bubble Tea count those of a text
	queue    []chat.Input      // what the chat could not take yet
	fed      int               // lines handed on
	past     []string          // lines that were typed before; the last one is new
	at       int               // which of past the line is
	killed   string            // what was cut out last, by several keys when nothing came between them
	cutting  bool              // the last key cut something out
	pasted   []chat.Input      // lines that wait for an answer
	rest     string            // what is on the line when they are sent
	cleared  []string          // what Ctrl-C took away, until the next key
	hint     string            // what is said below the line until the next key
	news                       // the lines that are not printed yet, and how things are now
	since    time.Time         // of the oldest message that the server has not taken
	ticking  bool              // a frame has begun; when it is over, print is called
	printing bool              // lines may be on their way to the terminal
	redraws  bool              // a redraw will come
	views    int               // how often it was drawn
	drawn    string            // what stood before the cursor then
	// the same when the terminal was asked where the cursor is; empty when no answer counts
	asked string
	today time.Time // its beginning, as the newest line has it
	rang  time.Time // when the bell rang last
}

func newPrompt(name string, typed chan<- chat.Input) *prompt {
	p := &prompt{own: newMention(name), line: textinput.New(), typed: typed, past: []string{""}, ticking: true}
	p.size = tea.WindowSizeMsg{Width: 80, Height: 24} // where the terminal does not know better
	// the terminal pastes; to ask another program for the clipboard is not ours
	p.line.KeyMap.Paste.SetEnabled(false)
	p.line.SetVirtualCursor(false) // it would blink
	p.line.Focus()
	return p
}

// Init is part of tea.Model. What is printed before Bubble Tea has drawn the prompt for the first time erases
// the screen, so the first print waits for a frame.
func (p *prompt) Init() tea.Cmd { return nextFrame() }

// Update is part of tea.Model.
func (p *prompt) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case news:
		if p.status.Waiting == 0 {
			p.since = time.Now()
		}
		if p.add(msg); !p.ticking {
			cmd = p.print()
		}
	case time.Time:
		cmd = p.print()
	case redraw:
		p.redraws = false
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value.IsReset() || msg.Value.IsSet()) {
			p.columns = ansi.GraphemeWidth // which Bubble Tea has it use then
		}
	case chat.Completion:
		p.complete(msg)
	case tea.PasteMsg:
		if strings.HasSuffix(msg.Content, ctrlC) { // its end was lost
			cmd = p.press(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
		} else {
			p.paste(msg.Content)
		}
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	}
	p.feed()
	return p, tea.Batch(cmd, p.redraw())
}

// redraw has a redraw come when the prompt will say something else only because time has passed.
func (p *prompt) redraw() tea.Cmd {
	now, retry, wait := time.Now(), p.status.Retry, time.Second
	switch counted := p.since.Add(patience); {
	case p.redraws:
		return nil
	case p.status.Waiting > 0 && counted.After(now):
		wait = counted.Sub(now)
	case p.status.Away && retry.After(now):
		wait = retry.Sub(now) % time.Second // until another number of seconds is left
	case p.status.Getting.Name == "":
		return nil
	}
	p.redraws = true
	return tea.Tick(wait, func(time.Time) tea.Msg { return redraw{} })
}

// print prints what there is above the prompt, and what comes meanwhile when a frame is over. What is printed
// at once must fit on the screen, or the lines that scroll out of it would be lost.
func (p *prompt) print() tea.Cmd {
	rows, calls := p.paintAll()
	if len(rows) == 0 && p.last {
		p.ticking = false
		return tea.Quit
	}
	p.printing = len(rows) > 0
	if p.printing {
		p.asked = ""
	}
	p.ticking = len(rows) > 0
	var cmds []tea.Cmd
	for chunk := range slices.Chunk(rows, max(1, p.size.Height-len(p.below())-1)) {
		cmds = append(cmds, tea.Println(strings.Join(chunk, "\n")))
	}
	if calls && time.Since(p.rang) > time.Second { // not at each of a flood
		p.rang, cmds = time.Now(), append(cmds, tea.Raw("\a"))
	}
	if p.ticking {
		cmds = append(cmds, nextFrame())
	}
	return tea.Sequence(cmds...)
}

// paintAll returns the rows of all lines that are to be printed, and whether one calls the user.
func (p *prompt) paintAll() (rows []string, calls bool) {
	if p.missed > 0 {
		p.lines = slices.Insert(p.lines, 0, chat.Line{Text: "... " + chat.Count(p.missed, "message") + " not shown"})
	}
	now := time.Now()
	for _, l := range p.lines {
		for _, l := range append(p.newDay(l, now), l) {
			painted, calling := paint(l, p.own, p.size.Width-1, p.today)
			rows, calls = append(rows, painted...), calls || calling
		}
	}
	p.lines, p.missed = nil, 0
	return rows, calls
}

// feed hands on what was typed and pasted, as far as the chat takes it.
func (p *prompt) feed() {
	for len(p.queue) > 0 && p.typed != nil {
		if ahead := p.fed - p.status.Taken + p.status.Waiting; p.queue[0].Pasted && ahead >= maxAhead {
			return
		}
		select {
		case p.typed <- p.queue[0]:
			p.queue = p.queue[1:]
			p.fed++
		default:
			return
		}
	}
}

// put adds to what is handed on, before pasted lines that wait: a command is not for those who read these.
func (p *prompt) put(in chat.Input) {
	at := slices.IndexFunc(p.queue, func(in chat.Input) bool { return in.Pasted })
	if at < 0 || in.Complete == nil && !command(in.Text) {
		at = len(p.queue)
	}
	p.queue = slices.Insert(p.queue, at, in)
}

// command reports whether a line that is typed is a command.
func command(line string) bool {
	_, ok := chat.Command(line)
	return ok
}

// hangUp tells that the user wants to leave.
func (p *prompt) hangUp() {
	if p.typed != nil {
		close(p.typed)
		p.typed = nil
	}
}
