package sim

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// receive takes what the server served. A refusal is traced, never an error of the world: only what must not happen is.
func (p *Phone) receive(in packet) error {
	if !p.on {
		return nil
	}
	held := p.logs[in.user]
	next, err := p.judge(held, in)
	if err != nil {
		return p.refuse(in, err)
	}
	if in.user == p.user && in.id == p.asked {
		p.synced = true
	}
	changed := map[string][][]byte{}
	if next != nil && (held == nil || next.Pin() != held.Pin()) {
		p.w.Trace("%s holds entry %d of %s", p, next.Pin().Seq, in.user)
		p.logs[in.user] = next
		changed[in.user] = in.entries
		p.thaw(next)
	}
	if next == nil {
		return nil
	}
	if err := p.accept(next, in); err != nil {
		return err
	}
	if in.user == p.user {
		if _, err := p.keys.Settle(next); err != nil {
			return err
		}
	}
	if err := p.save(changed); !errors.Is(err, errPower) {
		return err
	}
	return nil
}

// judge is the log after what was served.
func (p *Phone) judge(held *device.Log, in packet) (*device.Log, error) {
	switch {
	case held != nil:
		return held.Extend(in.entries)
	case len(in.entries) == 0:
		return nil, nil
	default:
		return device.Verify(in.user, in.entries)
	}
}

// refuse notes why. From further back, a log may tell more.
func (p *Phone) refuse(in packet, why error) error {
	p.w.Trace("%s refuses the log of %s: %v", p, in.user, why)
	var fork *device.ForkError
	switch {
	case fault.Of(why) == 0 || errors.Is(why, fault.Misuse):
		return fmt.Errorf("%s refuses without a reason: %w", p, why)
	case errors.As(why, &fork):
		p.frozen[in.user] = in.entries
	case errors.Is(why, fault.TooFarAhead) && in.from > 0:
		p.ask(in.user, 0)
	}
	return nil
}

// thaw ends the freeze of a log whose fork a recovery has decided.
func (p *Phone) thaw(l *device.Log) {
	evidence := p.frozen[l.User()]
	if evidence == nil {
		return
	}
	if _, err := l.Extend(evidence); !errors.Is(err, fault.LogFork) {
		p.w.Trace("%s: the fork of %s is decided", p, l.User())
		delete(p.frozen, l.User())
	}
}

// accept takes the messaging keys that came along. Only a disk that was put back makes a generation come twice.
func (p *Phone) accept(l *device.Log, in packet) error {
	for id, key := range in.keys {
		var last *device.Seen
		if s, ok := p.seen[id]; ok {
			last = &s
		}
		m, err := l.AcceptKey(id, key, last)
		if errors.Is(err, fault.SenderReset) && !p.w.reset {
			return fmt.Errorf("%s saw a generation twice: %w", p, err)
		}
		if err == nil {
			p.seen[id] = m.Seen()
		}
	}
	return nil
}

func entryName(user string, seq uint64) store.Name {
	return store.Name{Room: "log", Parts: [][]byte{[]byte(user)}, Seq: seq}
}

func pinName(user string) store.Name { return store.Name{Room: "pin", Parts: [][]byte{[]byte(user)}} }

func pinBytes(p device.Pin) []byte {
	b := append(append([]byte{}, p.Root[:]...), p.Head[:]...)
	return binary.BigEndian.AppendUint64(b, p.Seq)
}

func parsePin(b []byte) device.Pin {
	return device.Pin{Root: device.Hash(b[:32]), Head: device.Hash(b[32:64]), Seq: binary.BigEndian.Uint64(b[64:])}
}
