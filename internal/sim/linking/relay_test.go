package linking_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"testing/cryptotest"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/sim/linking"
)

// Fixed seeds: a run takes the same time everywhere, and whoever looks for more gives another one.
func TestMain(m *testing.M) {
	flag.Parse()
	flags := map[string]string{"rapid.checks": "60", "rapid.steps": "80", "rapid.seed": "2", "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(flags, f.Name) })
	for name, value := range flags {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// den is where a thief carries the messages of two attempts of the same old device, whose screens he has photographed.
type den struct {
	*rapid.T
	w        *linking.World
	attempts []*linking.Attempt // the two of the person, and a thief's for each
	own      []linking.Step
	pool     []item // everything that was ever sent
}

// item is a message, and where it belongs.
type item struct {
	attempt int
	to      linking.Side
	data    []byte
}

// collect takes what was sent off the network.
func (d *den) collect() {
	for i, a := range d.attempts {
		for _, from := range []linking.Side{linking.OldSide, linking.NewSide} {
			for _, m := range a.Sent(from) {
				d.pool = append(d.pool, item{i, 1 - from, m})
			}
		}
	}
}

func (d *den) choose(what string, n int) int { return rapid.IntRange(0, n-1).Draw(d.T, what) }

// persons are the attempts in which somebody types digits.
const persons = 2

// attempt is one of them, mostly the first.
func (d *den) attempt() int { return max(0, d.choose("attempt", 2*len(d.attempts))-len(d.attempts)) }

// act lets a device do what it does by itself. The thief has no old device, and nobody types his digits.
func (d *den) act() {
	i := d.attempt()
	side := linking.OldSide
	if i >= persons {
		side = linking.NewSide
	}
	for _, s := range d.own {
		if s.Side >= side {
			d.must(d.attempts[i].Do(&s))
		}
	}
}

// carry delivers the message that is due in an attempt; or any one, to anybody; or one that was changed.
func (d *den) carry() {
	to := d.attempt()
	due := -1
	for i, it := range d.pool {
		if it.attempt == to || it.attempt == to-persons && it.to == linking.NewSide {
			due = i
		}
	}
	if due < 0 {
		return
	}
	it := d.pool[due]
	switch d.choose("what the thief does", 30) {
	case 0:
		it = d.pool[d.choose("message", len(d.pool))]
	case 1:
		it.to = 1 - it.to
	case 2:
		it.data = bytes.Clone(it.data)
		it.data[d.choose("byte", len(it.data))] ^= 1 << d.choose("bit", 8)
	}
	if it.to == linking.OldSide {
		to %= persons // the thief's phone talks to the old device whose screen he has seen
	}
	d.must(d.attempts[to].Deliver(it.to, it.data))
}

func (d *den) must(err error) {
	if err != nil {
		d.Fatal(err)
	}
}

// check holds that no screen shows digits which no old device would take, and that nobody is let in but who was typed for.
func (d *den) check() {
	asked := map[linking.ID]bool{}
	for i, a := range d.attempts {
		if i < persons && a.Typed() {
			asked[a.ID] = true
		}
		if a.Shows() && !a.Answered(d.attempts[i%persons]) {
			d.Fatalf("attempt %d shows digits, and the old device has another key", i)
		}
	}
	known := map[linking.ID]bool{d.w.Phones[0].Account.Device(): true}
	for id := range d.w.Active("alice") {
		if !known[id] && !asked[id] {
			d.Fatal("a device was let in that nobody typed digits for")
		}
	}
}

// Whoever carries the messages, and has seen the screen, cannot let a device in.
func TestAThiefWhoCarriesTheMessagesLetsNobodyIn(t *testing.T) {
	for _, byCode := range []bool{linking.ByQR, linking.ByCode} {
		t.Run(way[byCode], func(t *testing.T) {
			linked := 0
			rapid.Check(t, func(rt *rapid.T) {
				cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(rt, "keys"))
				d := &den{T: rt, w: world(t, base), own: linking.Own(byCode)}
				for range persons {
					d.attempts = append(d.attempts, attempt(d.w, byCode, choices[0]))
				}
				first := linking.Steps(byCode)[0]
				for _, a := range d.attempts[:persons] {
					d.must(a.Do(&first))
					d.attempts = append(d.attempts, a.Photo())
				}
				d.collect()
				do := func(f func()) func(*rapid.T) {
					return func(rt *rapid.T) {
						d.T = rt
						f()
						d.collect()
					}
				}
				rt.Repeat(map[string]func(*rapid.T){
					"": func(rt *rapid.T) { d.T = rt; d.check() }, "act": do(d.act), "carry": do(d.carry),
				})
				for _, a := range d.attempts[:persons] {
					if a.Finished {
						linked++
					}
				}
				d.must(d.w.Settle())
				d.must(d.w.Check())
				d.T = rt
				d.check()
			})
			if linked == 0 && !t.Failed() {
				t.Error("no device was ever linked")
			}
		})
	}
}

// The digits of one attempt do not do for another one, and there is one try.
func TestTheDigitsOfAnotherAttemptLetNobodyIn(t *testing.T) {
	for _, byCode := range []bool{linking.ByQR, linking.ByCode} {
		w := world(t, base)
		a, other := attempt(w, byCode, choices[0]), attempt(w, byCode, choices[0])
		for _, s := range linking.Steps(byCode) {
			if s.Name == "confirms" {
				faulttest.Want(t, a.Type(other.Digits()), fault.WrongSecret)
			}
			ok(t, other.Do(&s))
			ok(t, a.Do(&s))
		}
		ok(t, w.Settle())
		ok(t, w.Check())
		if w.Active("alice")[a.ID] || !w.Active("alice")[other.ID] {
			t.Error("the wrong device was let in")
		}
	}
}
