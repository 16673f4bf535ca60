package relay

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// While a device joins an account, the two talk through boxes: one under a nameplate, where the short code leads, and one
// for each direction, under a name that they agree on. Boxes are in memory, as a link is, and forgotten when no link needs
// them.

// Limits of links.
const (
	maxBoxes = 1000
	maxBox   = 16 // items of a box
	boxLife  = 2 * link.Life
	maxName  = 64 // bytes of a box's name
)

type box struct {
	made  time.Time
	items [][]byte
	bell  chan struct{} // closed when something comes
}

// box returns a box, which is made where there is none. s.mu is held.
func (s *Server) box(name string) (*box, error) {
	now := time.Now()
	maps.DeleteFunc(s.boxes, func(_ string, b *box) bool { return now.Sub(b.made) > boxLife })
	if b := s.boxes[name]; b != nil {
		return b, nil
	}
	if len(name) > maxName || len(s.boxes) >= maxBoxes {
		return nil, fmt.Errorf("relay: no room for another box: %w", fault.OverLimit)
	}
	b := &box{made: now, bell: make(chan struct{})}
	s.boxes[name] = b
	return b, nil
}

// nameplateBox is the box that a nameplate leads to.
func nameplateBox(nameplate string) string { return "nameplate-" + nameplate }

// postLink returns a nameplate that nobody else has.
func (s *Server) postLink(*http.Request) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 100 {
		var b [4]byte
		rand.Read(b[:])
		nameplate := fmt.Sprintf("%06d", binary.BigEndian.Uint32(b[:])%1_000_000)
		if s.boxes[nameplateBox(nameplate)] != nil {
			continue
		}
		_, err := s.box(nameplateBox(nameplate))
		return []byte(nameplate), err
	}
	return nil, fmt.Errorf("relay: no nameplate is free: %w", fault.OverLimit)
}

func (s *Server) postBox(r *http.Request) ([]byte, error) {
	item, err := body(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.box(r.PathValue("box"))
	if err != nil {
		return nil, err
	}
	if len(item) > link.MaxMessage || len(b.items) == maxBox {
		return nil, fmt.Errorf("relay: item of %d bytes, number %d: %w", len(item), len(b.items), fault.OverLimit)
	}
	b.items = append(b.items, item)
	close(b.bell)
	b.bell = make(chan struct{})
	return nil, nil
}

// getBox returns the items of a box from a place on. Without any it waits for as long as it is asked to.
func (s *Server) getBox(r *http.Request) ([]byte, error) {
	from, err := number(r, "from")
	if err != nil {
		return nil, err
	}
	wait, err := number(r, "wait")
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Duration(min(wait, maxWait)) * time.Second)
	defer timer.Stop()
	for {
		items, bell, err := s.boxFrom(r.PathValue("box"), from)
		if err != nil || len(items) > 0 || wait == 0 {
			return items, err
		}
		select {
		case <-bell:
		case <-timer.C:
			wait = 0
		case <-r.Context().Done():
			return nil, fmt.Errorf("relay: box: %w", fault.Canceled)
		}
	}
}

// boxFrom looks into a box once. The bell rings when something came after that.
func (s *Server) boxFrom(name string, from uint64) (items []byte, bell <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.box(name)
	if err != nil {
		return nil, nil, err
	}
	for _, item := range b.items[min(from, uint64(len(b.items))):] {
		items = appendFrame(items, item)
	}
	return items, b.bell, nil
}
