package sim_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/internal/sim"
)

// world makes a world whose choices rapid draws and whose trace is shown for a failing run.
func world(t *rapid.T, names ...string) *sim.World {
	choose := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
	w, err := sim.New(choose, t.Logf, names...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run lets things happen, each of them any number of times, holds the world to what must hold after each of them, and asks
// for peace in the end.
func run(t *rapid.T, w *sim.World, actions map[string]func() error) {
	repeat := map[string]func(*rapid.T){"": func(t *rapid.T) {
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
	}}
	for name, f := range actions {
		repeat[name] = func(t *rapid.T) {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Repeat(repeat)
	if err := w.Peace(); err != nil {
		t.Fatal(err)
	}
}

func everyday(w *sim.World) map[string]func() error {
	return map[string]func() error{"act": w.Act, "talk": w.Talk, "step": w.Net.Step, "part": w.Part, "wait": w.Wait, "recover": w.Recover}
}

func TestBadNetworkLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world(t, "alice", "bob")
		run(t, w, everyday(w))
	})
}

func TestCrashesAndRestoredDisksLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world(t, "alice", "bob")
		actions := everyday(w)
		actions["break"] = w.Break
		run(t, w, actions)
	})
}

func TestLyingServerMovesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world(t, "alice", "bob")
		w.Server.Evil = true
		actions := everyday(w)
		actions["break"] = w.Break
		run(t, w, actions)
	})
}

func TestThiefWithALyingServerIsEndedByRecovery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world(t, "alice", "bob")
		w.Server.Evil = true
		actions := everyday(w)
		actions["break"], actions["steal"], actions["attack"] = w.Break, w.Steal, w.Attack
		run(t, w, actions)
	})
}

// The world is worth its time only if what it is for does happen in it.
func TestEverythingHappensNowAndThen(t *testing.T) {
	missing := map[string]bool{
		"lost:": true, "power of": true, "crashes": true, "is put back": true, "a thief copies": true, "off the network": true,
		"hides the end": true, "serves another log": true, "alters the log": true, "leaves an entry": true,
		"parts the log": true, "serves the branch": true, "forks at entry": true, "is decided": true,
		"on a branch that a recovery ended": true, "too far ahead": true, "older than": true,
		"signs: add": true, "signs: revoke": true, "signs: update": true, "signs: recover": true, "renews its": true,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		w, err := sim.New(func(_ string, n int) int { return random.IntN(n) }, func(format string, args ...any) {
			line := fmt.Sprintf(format, args...)
			for what := range missing {
				if strings.Contains(line, what) {
					delete(missing, what)
				}
			}
		}, "alice", "bob")
		if err != nil {
			t.Fatal(err)
		}
		w.Server.Evil = true
		actions := []func() error{w.Act, w.Talk, w.Talk, w.Net.Step, w.Part, w.Wait, w.Recover, w.Break, w.Steal, w.Attack}
		for range 60 {
			if err := errors.Join(actions[random.IntN(len(actions))](), w.Check()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Peace(); err != nil {
			t.Fatal(err)
		}
		if len(missing) == 0 {
			return
		}
	}
	t.Errorf("never happened: %v", missing)
}

// A property that does not hold is reported with a seed that repeats the run, and with its trace. The child process runs
// one that is wrong.
func TestFailingRunPrintsSeedAndTrace(t *testing.T) {
	const child = "SOTTO_SIM_CHILD"
	if os.Getenv(child) != "" {
		rapid.Check(t, func(t *rapid.T) {
			w := world(t, "alice")
			wrong := func() error {
				if len(w.Users()[0].Phones) > 2 {
					return errors.New("three phones are too many")
				}
				return nil
			}
			run(t, w, map[string]func() error{"act": w.Act, "look": wrong})
		})
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-rapid.nofailfile")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the child did not fail:\n%s", out)
	}
	for _, want := range []string{"-rapid.seed=", "three phones are too many", "signs: add alice/2"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), "\n"); n > 200 {
		t.Errorf("%d lines", n)
	}
}
