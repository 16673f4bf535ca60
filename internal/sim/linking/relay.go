package linking

import (
	"github.com/sottokit/sotto/link"
)

// Digits are on the screen of the new device, "" when there are none.
func (a *Attempt) Digits() string { return a.joining.Digits() }

// Sent takes the messages of a side off the network.
func (a *Attempt) Sent(from Side) [][]byte {
	sent := a.box[1-from]
	a.box[1-from] = nil
	return sent
}

// Deliver lets a side receive something, whatever it is.
func (a *Attempt) Deliver(to Side, message []byte) error {
	a.box[to] = [][]byte{message}
	step := Step{"is given something", to, (*Attempt).newWaits, (*Attempt).newTakes}
	if to == OldSide {
		step.ready, step.do = (*Attempt).oldWaits, (*Attempt).finish
	}
	err := a.Do(&step)
	a.box[to] = nil
	return err
}

// Photo is an attempt of a thief's phone, which has seen the screen of the old device of another attempt: it scans what it
// has seen, and nobody types its digits.
func (a *Attempt) Photo() *Attempt {
	return &Attempt{w: a.w, old: a.old, new: newThief(a.w), byCode: a.byCode, shown: a.shown}
}

// newThief is a phone that is none of anybody's.
func newThief(w *World) *Phone {
	p := w.Buy("alice")
	w.Phones = w.Phones[:len(w.Phones)-1]
	return p
}

// Own are the steps that a side does without a message.
func Own(byCode bool) (own []Step) {
	for _, s := range Steps(byCode) {
		switch s.Name {
		case "takes C1", "takes the answer", "takes M2", "takes M3", "signs", "takes M5", "finishes", "takes M8", "shares":
		default:
			own = append(own, s)
		}
	}
	return own
}

// Answered reports whether there is an old device that took the first message of this attempt's new one.
func (a *Attempt) Answered(by *Attempt) bool { return string(a.Hello) == string(by.Fixed) }

// Shows reports whether the new device has digits on its screen.
func (a *Attempt) Shows() bool { return a.joining != nil && a.State(NewSide) == link.Showing }

// Typed reports whether the digits were typed into the old device.
func (a *Attempt) Typed() bool { return a.digits != "" }

// Type is a person who types something else than the new device shows.
func (a *Attempt) Type(digits string) error {
	_, err := a.offer.Confirm(background(), digits)
	return err
}
