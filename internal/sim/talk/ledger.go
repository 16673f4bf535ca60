package talk

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// ledger knows what was written, as nobody in the world does.
type ledger struct {
	messages []*text
	forms    map[[32]byte]*form // by the hash of the bytes
	places   map[place][32]byte // a place in a chain, to what stands there
	ivs      map[[12]byte][32]byte
	sessions map[session.Prefix]*use
	gave     map[giving]bool
	brought  map[bringing]int   // envelopes that the relay took for a device, and the life of the device then
	lives    map[device.ID]int  // how often the disk of a device was put back or copied
	doubled  map[device.ID]bool // devices of which there is a copy
}

// text is a message that somebody wrote.
type text struct {
	id           sotto.MessageID
	left         []string // who was left out of it when it was sealed
	user, peer   string
	room         *room // nil in a conversation of two
	users        []string
	history      bool // a session that somebody shared
	from         device.ID
	conversation device.Hash
	kind         string
	body         []byte
	alone        bool // it was sealed for nobody else
	forms        []*form
	read         map[device.ID]bool
	lost         map[device.ID]string // why a device may never have it
}

// form is a message as it was sealed. It is sealed again when it waited for too long.
type form struct {
	*text
	sum     [32]byte
	session session.Prefix
	entry   *entry             // of the group that it was sealed in
	readers map[device.ID]bool // the roster
	queued  map[device.ID]bool // the relay has taken it for these
}

// place is where a message stands: its keys follow from it.
type place struct {
	session session.Prefix
	chain   [8]byte
	counter uint64
}

// use is how a session was used.
type use struct {
	conversation device.Hash
	entry        *entry // of a group
	since        time.Time
	messages     uint64
}

// giving is a session that a device sealed for somebody.
type giving struct {
	session session.Prefix
	by      device.ID
	to      string
}

// bringing is a session that was sealed for a device.
type bringing struct {
	session session.Prefix
	to      device.ID
}

func newLedger() *ledger {
	return &ledger{
		forms: map[[32]byte]*form{}, places: map[place][32]byte{}, ivs: map[[12]byte][32]byte{},
		sessions: map[session.Prefix]*use{}, brought: map[bringing]int{}, gave: map[giving]bool{},
		lives: map[device.ID]int{}, doubled: map[device.ID]bool{},
	}
}

// write notes a message that a phone is about to seal.
func (l *ledger) write(p *Phone, c *sotto.Conversation, body []byte) *text {
	t := &text{
		id: sotto.NewMessageID(), user: p.user.name, from: p.id, conversation: c.ID(), kind: "text/plain", body: body,
		read: map[device.ID]bool{}, lost: map[device.ID]string{},
	}
	l.messages = append(l.messages, t)
	return t
}

// shared notes a message that a phone seals when it shares a session.
func (l *ledger) shared(p *Phone) *text {
	t := &text{
		user: p.user.name, peer: "somebody", from: p.id, history: true, body: []byte("(shared)"),
		read: map[device.ID]bool{}, lost: map[device.ID]string{},
	}
	l.messages = append(l.messages, t)
	return t
}

// seal notes the bytes of a message, which are new, and who may read them.
func (l *ledger) seal(t *text, data []byte, readers map[device.ID]bool) (*form, error) {
	m, err := message.Parse(data)
	if err != nil {
		return nil, err
	}
	at := place{m.Prefix, m.Chain, m.Counter}
	if _, used := l.places[at]; used {
		return nil, fmt.Errorf("place %d of chain %x is used twice: the key of two messages", m.Counter, m.Chain)
	}
	l.places[at] = sum(data)
	if err := l.noteIV(data); err != nil {
		return nil, err
	}
	f := &form{text: t, sum: sum(data), session: m.Prefix, readers: readers, queued: map[device.ID]bool{}}
	t.forms = append(t.forms, f)
	l.forms[f.sum] = f
	return f, nil
}

// noteIV holds the IV of something sealed against all others. Each IV is derived from fresh random bytes, so none ever
// comes twice, whatever the key; the same bytes may.
func (l *ledger) noteIV(data []byte) error {
	r := wire.NewReader(data)
	r.Tag("sealed")
	n := r.Array("sealed", 4)
	r.Raw("protected header")
	r.Map("unprotected header", 1)
	r.Int("label")
	iv := r.Bytes("IV", 12)
	sealed := sum(r.Bytes("ciphertext", len(data)))
	if r.Err() != nil || n < 3 || len(iv) != 12 {
		return fmt.Errorf("no IV: %w", r.Err())
	}
	if other, used := l.ivs[[12]byte(iv)]; used && other != sealed {
		return fmt.Errorf("IV %x is used twice", iv)
	}
	l.ivs[[12]byte(iv)] = sealed
	return nil
}

// handOut holds a message that a phone hands out against what was written.
func (l *ledger) handOut(p *Phone, e *sotto.Event) error {
	f := l.forms[e.ID]
	switch {
	case f == nil:
		return fmt.Errorf("%s hands out a message that nobody wrote", p)
	case !f.readers[p.id] && !f.sharedWith(p.user.name):
		return fmt.Errorf("%s reads %s, which was not sealed for it", p, f)
	case e.Message != f.id || e.User != f.user || e.Device != f.from || e.Conversation != f.conversation ||
		e.Type != f.kind || !bytes.Equal(e.Body, f.body):
		return fmt.Errorf("%s hands out %s as another message: %+v", p, f, e)
	}
	f.read[p.id] = true
	return nil
}

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// String tells which message it is.
func (t *text) String() string {
	return fmt.Sprintf("message %q of %s to %s", t.body[:8], t.user, t.peer)
}

// bring notes that an envelope is on its way to a device that can open it.
func (l *ledger) bring(s session.Prefix, to device.ID) {
	if !l.doubled[to] {
		l.brought[bringing{s, to}] = l.lives[to] + 1
	}
}

// has reports whether a device has got the envelope of a session, and was not put back since.
func (l *ledger) has(s session.Prefix, to device.ID) bool {
	return l.brought[bringing{s, to}] == l.lives[to]+1
}

// lose notes why a device may never have a message.
func (f *form) lose(to device.ID, why string) {
	if !f.read[to] {
		f.lost[to] = why
	}
}
