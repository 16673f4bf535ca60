package linking

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// How the new device finds the old one.
const (
	ByQR   = false
	ByCode = true
)

// Side is one of the two devices.
type Side int

// The sides.
const (
	OldSide Side = iota
	NewSide
)

// Attempt is a linking of a new phone to the account of an old one.
type Attempt struct {
	w        *World
	old, new *Phone
	byCode   bool
	choice   link.Choice

	// In memory of the two phones; nil when it is gone.
	offer   *sotto.LinkOffer
	joining *link.New

	box       [2][][]byte // messages on the way, by the side they are for
	open      [][]byte    // everything that was sent before the digits were typed
	shown     [2][]byte   // QR code and code, as they were on the screen
	digits    string      // that were typed
	ID        device.ID   // of the new device, once it has keys
	Hello     []byte      // its first message, nil before it has keys
	Fixed     []byte      // the first message that the old device took
	challenge *device.Challenge
	answer    []byte // to the server

	Finished bool // the old device took the last message, and said so
	Refusals []Refusal
}

// Attempt prepares one; nothing happens before Run.
func (w *World) Attempt(old, new *Phone, byCode bool, c link.Choice) *Attempt {
	return &Attempt{w: w, old: old, new: new, byCode: byCode, choice: c}
}

// Refusal is a step that failed, and why.
type Refusal struct {
	Step string
	Err  error
}

func (a *Attempt) phone(s Side) *Phone {
	if s == OldSide {
		return a.old
	}
	return a.new
}

// Crash ends what is in memory of one side.
func (a *Attempt) Crash(s Side) {
	if s == OldSide {
		a.offer = nil
	} else {
		a.joining = nil
	}
	a.phone(s).Off()
}

// Step is something that an app does in one go.
type Step struct {
	Name  string
	Side  Side
	ready func(a *Attempt) bool
	do    func(a *Attempt) (send []byte, err error)
}

// Steps are those of an attempt, in order. A step that is not ready is left out.
func Steps(byCode bool) []Step {
	all := []Step{
		{"offers", OldSide, func(a *Attempt) bool { return a.offer == nil && a.old.Account != nil }, (*Attempt).begin},
		{"scans", NewSide, func(a *Attempt) bool { return a.joining == nil && (a.shown[0] != nil || a.shown[1] != nil) }, (*Attempt).scan},
	}
	if byCode {
		all = append(all, Step{"takes C1", NewSide, (*Attempt).newWaits, (*Attempt).newTakes})
	}
	return append(all, []Step{
		{"joins", NewSide, newIn(link.Asking), (*Attempt).join},
		{"takes the answer", OldSide, (*Attempt).oldWaits, (*Attempt).oldTakes},
		{"takes M2", NewSide, (*Attempt).newWaits, (*Attempt).newTakes},
		{"confirms", OldSide, func(a *Attempt) bool { return a.oldIn(link.Asking) && newIn(link.Showing)(a) }, (*Attempt).confirm},
		{"takes M3", NewSide, (*Attempt).newWaits, (*Attempt).newTakes},
		{"is served the log", NewSide, newIn(link.Fetching), (*Attempt).served},
		{"signs", OldSide, (*Attempt).oldWaits, (*Attempt).oldTakes},
		{"posts", OldSide, func(a *Attempt) bool { return a.oldIn(link.Admitting) }, (*Attempt).post},
		{"admits", OldSide, func(a *Attempt) bool { return a.oldIn(link.Admitting) }, (*Attempt).admit},
		{"takes M5", NewSide, (*Attempt).newWaits, (*Attempt).newTakes},
		{"is served the entry", NewSide, newIn(link.Fetching), (*Attempt).served},
		{"makes its account", NewSide, newIn(link.Registering), (*Attempt).makeAccount},
		{"registers", NewSide, (*Attempt).mayRegister, (*Attempt).register},
		{"is registered", NewSide, func(a *Attempt) bool { return newIn(link.Registering)(a) && a.answer != nil }, (*Attempt).registered},
		{"finishes", OldSide, (*Attempt).oldWaits, (*Attempt).finish},
		{"takes M8", NewSide, (*Attempt).newWaits, (*Attempt).newTakes},
		{"shares", OldSide, func(a *Attempt) bool { return a.oldIn(link.Done) }, (*Attempt).post},
	}...)
}

func (a *Attempt) mayRegister() bool {
	return newIn(link.Registering)(a) && a.new.Account != nil && a.new.Account.Device() == a.ID
}

func newIn(s link.State) func(a *Attempt) bool {
	return func(a *Attempt) bool { return a.joining != nil && a.joining.State(a.new.now()) == s }
}

func (a *Attempt) oldIn(s link.State) bool {
	return a.offer != nil && a.old.Account != nil && a.offer.State() == s
}

func (a *Attempt) oldWaits() bool { return a.offer != nil && len(a.box[OldSide]) > 0 }
func (a *Attempt) newWaits() bool { return a.joining != nil && len(a.box[NewSide]) > 0 }

// Do does a step as long as its side can, and puts what it sends on the way.
func (a *Attempt) Do(s *Step) error {
	send, err := a.try(s)
	a.send(s.Side, send)
	return err
}

// send puts a message on the way.
func (a *Attempt) send(from Side, message []byte) {
	if message == nil {
		return
	}
	if a.digits == "" {
		a.open = append(a.open, message)
	}
	a.box[1-from] = append(a.box[1-from], message)
}

// try does a step as long as its side can. A side whose power fails is gone; a refusal is noted; only what no app can make
// sense of is an error.
func (a *Attempt) try(s *Step) (send []byte, err error) {
	if !s.ready(a) {
		return nil, nil
	}
	send, err = s.do(a)
	if err != nil && fault.Of(err) == 0 {
		return nil, fmt.Errorf("%s: error without a code: %w", s.Name, err)
	}
	if err != nil {
		a.Refusals = append(a.Refusals, Refusal{s.Name, err})
	}
	return send, nil
}

func (a *Attempt) begin() (send []byte, err error) {
	if a.byCode {
		a.offer, err = a.old.Account.OfferLinkCode(background(), "4711", a.choice)
	} else {
		a.offer, err = a.old.Account.OfferLink(background(), a.choice)
	}
	if err != nil {
		return nil, err
	}
	if a.byCode {
		a.shown[1] = []byte(a.offer.Code())
		return a.offer.First(), nil
	}
	a.shown[0] = a.offer.QR()
	return nil, nil
}

func (a *Attempt) scan() (send []byte, err error) {
	if a.byCode {
		a.joining, err = link.Enter(string(a.shown[1]), a.new.now())
	} else {
		a.joining, err = link.Scan(a.shown[0], a.new.now())
	}
	return nil, err
}

func (a *Attempt) join() (send []byte, err error) {
	keys, err := device.Generate(a.joining.User(), device.Classical, a.new.now())
	if err != nil {
		return nil, err
	}
	a.ID = keys.Record().ID()
	a.Hello, err = a.joining.JoinAs(keys, a.new.now())
	return a.Hello, err
}

// take gives what is on the way to one side, until it takes something. A message stays on the way as long as a store fails.
func (a *Attempt) take(to Side, receive func(m []byte) ([]byte, error)) (send []byte, err error) {
	for len(a.box[to]) > 0 {
		send, err = receive(a.box[to][0])
		if errors.Is(err, fault.StoreFailed) {
			return nil, err
		}
		a.box[to] = a.box[to][1:]
		if !errors.Is(err, fault.Replayed) {
			return send, err
		}
	}
	return nil, err
}

func (a *Attempt) newTakes() (send []byte, err error) {
	return a.take(NewSide, func(m []byte) ([]byte, error) { return a.joining.Receive(m, a.new.now()) })
}

func (a *Attempt) oldTakes() (send []byte, err error) {
	return a.take(OldSide, func(m []byte) ([]byte, error) {
		send, err := a.offer.Receive(background(), m)
		if err == nil && a.Fixed == nil {
			a.Fixed = m
		}
		return send, err
	})
}

func (a *Attempt) confirm() (send []byte, err error) {
	a.digits = a.joining.Digits()
	return a.offer.Confirm(background(), a.digits)
}

func (a *Attempt) served() (send []byte, err error) {
	return a.joining.Served(a.w.Server.Log(a.joining.User()), a.new.now())
}

// post is Sync in the middle of an attempt.
func (a *Attempt) post() (send []byte, err error) { return nil, a.old.sync() }

func (a *Attempt) admit() (send []byte, err error) {
	if a.challenge, err = device.NewChallenge("server", a.old.User, a.w.Now); err != nil {
		return nil, err
	}
	return a.offer.Admitted(background(), a.challenge.Nonce, []byte("ticket"))
}

func (a *Attempt) makeAccount() (send []byte, err error) {
	if err := a.new.Start(); err != nil {
		return nil, err
	}
	if a.new.Account != nil && a.new.Account.Device() == a.ID { // it was made although that reported a failure
		return nil, nil
	}
	log := a.w.Server.Serve(a.joining.User(), 0)
	account, err := sotto.Link(background(), a.new.Disk, a.joining, log, a.new.options(), a.new.secret)
	if err == nil {
		a.new.Account = account
	}
	return nil, err
}

func (a *Attempt) register() (send []byte, err error) {
	answer, err := a.new.Account.Register(background(), "server", a.joining.Nonce())
	if err != nil {
		return nil, err
	}
	if _, err := a.challenge.Check(answer, a.w.Server.Log(a.new.User), a.w.Now); err != nil {
		return nil, err
	}
	a.answer = answer
	return nil, nil
}

func (a *Attempt) registered() (send []byte, err error) {
	return a.joining.Registered(a.answer, a.new.now())
}

func (a *Attempt) finish() (send []byte, err error) {
	send, err = a.oldTakes()
	a.Finished = a.Finished || err == nil && a.offer.State() == link.Done
	return send, err
}

// Old and New are the phones of an attempt.
func (a *Attempt) Old() *Phone { return a.old }
func (a *Attempt) New() *Phone { return a.new }
