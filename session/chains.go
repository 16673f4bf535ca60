package session

import (
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// Chains are the counters of what this device sends. They live in memory only, one Chains for as long as an account is
// open: a chain has a random name that is drawn at the first message in each session and stored nowhere, so a device whose
// store was put back to an earlier copy cannot repeat a counter. A crash leaves a gap at most. The zero value is ready; it is
// safe for concurrent use.
type Chains struct {
	mu     sync.Mutex
	chains map[ID]*chain
}

type chain struct {
	name [8]byte
	next uint64 // counter of the next message
}

// Seal signs m with the keys of this device, seals it in the session and appends the message to dst, which must not overlap
// the body. It also returns what everybody else opens, with the body that was given. The counter moves on even if the
// message is never sent. Keys that are not in the session's roster are fault.Misuse, content for which the message would
// exceed MaxMessage fault.OverLimit. Whether the session is still one to send on is for Best to say.
func (c *Chains) Seal(dst []byte, s *Session, me *device.Keys, m Content) ([]byte, *Opened, error) {
	fields, err := m.fields()
	if err != nil {
		return nil, nil, err
	}
	if wire.Overlap(dst, m.Body) {
		return nil, nil, fmt.Errorf("session: dst overlaps the body: %w", fault.Misuse)
	}
	if s == nil || s.prk == nil {
		return nil, nil, fmt.Errorf("session: %w", fault.DestroyedKey)
	}
	at := c.advance(s)
	content, from, err := me.SignContent(fields, at)
	if err != nil {
		return nil, nil, fmt.Errorf("session: %w", err)
	}
	if _, ok := s.roster.Find(from.Cert()); !ok {
		return nil, nil, fmt.Errorf("session: this device is not in the roster: %w", fault.Misuse)
	}
	r := make([]byte, 32)
	rand.Read(r)
	err = s.prk.Use(func(prk []byte) (err error) {
		dst, err = message.Seal(dst, at, prk, r, content)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("session: %w", err)
	}
	return dst, opened(at, from, content, fields), nil
}

// advance takes the next place of this device in the session. No receiver takes a counter from max_msgs on: there another
// chain begins.
func (c *Chains) advance(s *Session) *message.Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.chains[s.id]
	if now == nil || now.next >= s.fields.MaxMessages {
		now = &chain{}
		rand.Read(now.name[:])
		if c.chains == nil {
			c.chains = map[ID]*chain{}
		}
		c.chains[s.id] = now
	}
	at := &message.Place{Session: s.id, Chain: now.name, Counter: now.next}
	now.next++
	return at
}

// Forget drops the chain in a session that was closed.
func (c *Chains) Forget(id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.chains, id)
}
