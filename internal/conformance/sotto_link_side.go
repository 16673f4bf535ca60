package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/link"
)

// linkSide is one of the two devices in the course of an attempt.
type linkSide struct {
	role     string // old, new
	scene    *linkScene
	messages *linkMessages
	old      *link.Old
	new      *link.New
}

// linkCalls are the calls that one of the devices has alone. The map is written nowhere.
var linkCalls = map[string]string{
	"offer": "old", "confirm": "old", "admitted": "old",
	"scan": "new", "enter": "new", "join": "new", "served": "new", "registered": "new",
}

// linkCall is a call, and what is to come of it.
type linkCall struct {
	do      string
	at      int64 // seconds after the time of the scene
	message []byte
	typed   string
	log     []int // numbers of entries
	entry   int

	send   octets
	m4     bool   // it sends M4, which is different each time
	digits string // that it shows
}

func (s *linkSide) now(at int64) time.Time { return time.Unix(s.scene.Now+at, 0) }

// do makes a call. Errors that are no refusal wrap no fault.
func (s *linkSide) do(c *linkCall) (send []byte, err error) {
	if role, ok := linkCalls[c.do]; ok && role != s.role {
		return nil, fmt.Errorf("no call of the %s device", s.role)
	}
	now := s.now(c.at)
	switch c.do {
	case "offer":
		s.old.Cancel()
		s.old, send, err = s.scene.offer(now)
	case "scan", "enter":
		s.new.Cancel()
		err = s.begin(c, now)
	case "join":
		send, err = s.scene.join(s.new, now)
	case "receive":
		send, err = s.receive(c.message, now)
	case "confirm", "admitted", "served":
		send, err = s.withLog(c, now)
	case "registered":
		send, err = s.new.Registered(s.messages.Registration, now)
	case "cancel":
		s.cancel()
	case "look":
	default:
		return nil, errors.New("no such call")
	}
	return send, err
}

func (s *linkSide) begin(c *linkCall, now time.Time) error {
	seed, err := s.scene.newSeed()
	if err != nil {
		return err
	}
	if c.do == "enter" {
		s.new, err = link.EnterFrom(seed, c.typed, now)
	} else {
		s.new, err = link.ScanFrom(seed, c.message, now)
	}
	return err
}

func (s *linkSide) receive(message []byte, now time.Time) ([]byte, error) {
	if s.role == "old" {
		return s.old.Receive(message, now)
	}
	return s.new.Receive(message, now)
}

// withLog makes a call to which a log belongs.
func (s *linkSide) withLog(c *linkCall, now time.Time) ([]byte, error) {
	l, err := s.scene.log(c.log)
	if err != nil {
		return nil, err
	}
	switch c.do {
	case "confirm":
		return s.old.Confirm(c.typed, l, now)
	case "served":
		return s.new.Served(l, now)
	}
	entry, err := s.scene.entry(c.entry)
	if err != nil {
		return nil, err
	}
	return s.old.Admitted(l, entry, [32]byte(s.scene.Nonce), s.scene.Ticket, now)
}

func (s *linkSide) state(at int64) link.State {
	if s.role == "old" {
		return s.old.State(s.now(at))
	}
	return s.new.State(s.now(at))
}

func (s *linkSide) cancel() {
	s.old.Cancel()
	s.new.Cancel()
}

// checkEnd compares what either side holds when it is done.
func (s *linkSide) checkEnd(c *sottoLink) error {
	in := &c.Inputs
	if err := same("state", s.state(in.Later), link.Done); err != nil {
		return err
	}
	if s.role == "old" {
		record, deviceKey := s.old.Candidate()
		want, err := c.deviceKey()
		return errors.Join(err,
			c.checkRecord("record of the new device", record.Bytes()),
			equal("device-key of the new device", deviceKey, want),
			sameChoice(s.old.Choice(), in.choice()))
	}
	choice, told := s.new.Choice()
	l, err := in.log(in.Joined)
	if err != nil {
		return err
	}
	rendezvous, known := s.new.Rendezvous()
	nonce := s.new.Nonce()
	return errors.Join(sameChoice(choice, in.choice()),
		same("whether the choice was told", told, true),
		same("user", s.new.User(), in.User),
		same("nameplate", s.new.Nameplate(), in.Nameplate),
		same("whether the rendezvous is known", known, true),
		equal("rendezvous", rendezvous[:], in.Rendezvous),
		equal("nonce", nonce[:], in.Nonce),
		equal("ticket", s.new.Ticket(), in.Ticket),
		same("log", s.new.Log().Pin(), l.Pin()),
		c.checkRecord("record of the new device's keys", s.new.Keys().Record().Bytes()))
}

func sameChoice(have, want link.Choice) error {
	return errors.Join(same("history", have.History, want.History), equal("vault", have.Vault, want.Vault))
}
