package trust_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/trust"
)

var wantFault = faulttest.Want

const (
	unverified  = trust.Unverified
	verified    = trust.Verified
	changed     = trust.Changed
	wasVerified = trust.WasVerified
)

// rows is the whole table, said once more: for each event the next mark and the notice for each mark.
var rows = []struct {
	event  trust.Event
	marks  [4]trust.Mark
	notice [4]trust.Notice
}{
	{trust.Grown, [4]trust.Mark{unverified, verified, changed, wasVerified}, all(trust.Tell)},
	{
		trust.Recovered, [4]trust.Mark{unverified, wasVerified, changed, wasVerified},
		[4]trust.Notice{trust.Tell, trust.Blocked, trust.Blocked, trust.Blocked},
	},
	{trust.Reset, [4]trust.Mark{changed, wasVerified, changed, wasVerified}, all(trust.Blocked)},
	{trust.Forked, [4]trust.Mark{changed, wasVerified, changed, wasVerified}, all(trust.Blocked)},
	{trust.RolledBack, [4]trust.Mark{changed, wasVerified, changed, wasVerified}, all(trust.Blocked)},
	{trust.Unsigned, [4]trust.Mark{changed, wasVerified, changed, wasVerified}, all(trust.Blocked)},
	{trust.Matched, [4]trust.Mark{verified, verified, verified, verified}, all(trust.None)},
	{trust.Acknowledged, [4]trust.Mark{unverified, verified, unverified, unverified}, all(trust.None)},
}

func all(n trust.Notice) [4]trust.Notice { return [4]trust.Notice{n, n, n, n} }

func TestEveryMarkAndEvent(t *testing.T) {
	for i, row := range rows {
		if row.event != trust.Event(i+1) {
			t.Fatalf("row %d is of event %v", i, row.event)
		}
		for j, want := range row.marks {
			m := trust.Mark(j + 1)
			got, notice := m.After(row.event)
			if got != want || notice != row.notice[j] {
				t.Errorf("%v, %v: %v and notice %v, want %v and %v", m, row.event, got, notice, want, row.notice[j])
			}
			blocks := notice == trust.Blocked
			if blocks && got.MaySend() {
				t.Errorf("%v, %v: told that it is blocked, and it is not", m, row.event)
			}
		}
	}
}

// What no table has is blocked, whatever number it is.
func TestUnknownMarksAndEventsBlock(t *testing.T) {
	for _, m := range []trust.Mark{-1, 0, 5, 1 << 30} {
		if next, notice := m.After(trust.Grown); next != changed || notice != trust.Blocked || m.MaySend() {
			t.Errorf("mark %d: %v, %v", m, next, notice)
		}
	}
	for _, e := range []trust.Event{-1, 0, 9, 1 << 30} {
		if next, notice := verified.After(e); next != changed || notice != trust.Blocked {
			t.Errorf("event %d: %v, %v", e, next, notice)
		}
	}
	if (trust.State{}).MaySend() {
		t.Error("the zero state may send")
	}
}

// The page for people shows the table that the code has.
func TestDocumentShowsTheTable(t *testing.T) {
	doc, err := os.ReadFile("../docs/trust.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		line := "| " + row.event.String() + " |"
		for j, m := range row.marks {
			line += fmt.Sprintf(" %v |", m)
			if row.notice[j] != trust.None {
				line = strings.TrimSuffix(line, " |") + fmt.Sprintf(" (%v) |", row.notice[j])
			}
		}
		if !strings.Contains(string(doc), line+"\n") {
			t.Errorf("docs/trust.md lacks the row\n%s", line)
		}
	}
}

var start = time.Unix(1_800_000_000, 0)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// alice's log: a phone, then a laptop, then a recovery to a tablet.
func logs(t *testing.T) (first, grown, recovered *device.Log) {
	t.Helper()
	rk := recovery.Generate()
	phone := must(device.Generate("alice", device.Classical, start))
	laptop := must(device.Generate("alice", device.Classical, start))
	tablet := must(device.Generate("alice", device.Classical, start))
	first = must(device.Verify("alice", [][]byte{must(phone.Found(rk, start))}))
	must(phone.Settle(first))
	grown = must(first.Extend([][]byte{must(first.Add(phone, laptop.Record(), start))}))
	recovered = must(grown.Extend([][]byte{must(grown.Recover(tablet, rk, nil, start))}))
	return first, grown, recovered
}

func TestBetweenTellsAddedFromRecovered(t *testing.T) {
	first, grown, recovered := logs(t)
	for _, c := range []struct {
		before, after *device.Log
		want          trust.Event
	}{
		{first, grown, trust.Grown}, {first, first, trust.Grown}, {grown, recovered, trust.Recovered},
		{first, recovered, trust.Recovered}, {recovered, recovered, trust.Grown},
	} {
		if got := trust.Between(c.before, c.after); got != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}

// A device that a verified device added keeps the mark, a recovery does not.
func TestMarkFollowsTheLog(t *testing.T) {
	first, grown, recovered := logs(t)
	s := must(trust.First(first).Match(first.Pin()))
	s, notice := s.See(trust.Between(first, grown), grown.Pin())
	if s != (trust.State{Pin: grown.Pin(), Mark: verified}) || notice != trust.Tell {
		t.Errorf("after a device was added: %+v, %v", s, notice)
	}
	s, notice = s.See(trust.Between(grown, recovered), recovered.Pin())
	if s != (trust.State{Pin: recovered.Pin(), Mark: wasVerified, Cause: trust.Recovered}) || notice != trust.Blocked {
		t.Errorf("after a recovery: %+v, %v", s, notice)
	}
	s = must(s.Acknowledge(recovered.Pin()))
	if s != (trust.State{Pin: recovered.Pin(), Mark: unverified}) {
		t.Errorf("acknowledged: %+v", s)
	}
}

// ack-of-older-state: what came after the number was shown was not compared.
func TestDecisionsAreAboutWhatWasShown(t *testing.T) {
	first, grown, _ := logs(t)
	s, _ := trust.First(first).See(trust.Reset, grown.Pin())
	for name, decide := range map[string]func(device.Pin) (trust.State, error){"match": s.Match, "acknowledge": s.Acknowledge} {
		got, err := decide(first.Pin())
		wantFault(t, err, fault.IdentityChanged)
		if got != s || got.MaySend() {
			t.Errorf("%s of an older state: %+v", name, got)
		}
		if got, err := decide(grown.Pin()); err != nil || !got.MaySend() || got.Cause != 0 {
			t.Errorf("%s of what was shown: %+v, %v", name, got, err)
		}
	}
}

func TestWhyNothingIsSent(t *testing.T) {
	first, _, _ := logs(t)
	for event, want := range map[trust.Event]fault.Code{
		trust.Reset: fault.IdentityChanged, trust.Forked: fault.LogFork, trust.RolledBack: fault.Rollback,
		trust.Unsigned: fault.UntrustedSigner, trust.Grown: 0, trust.Recovered: 0,
	} {
		s, _ := trust.First(first).See(event, first.Pin())
		if got := s.Why(); got != want {
			t.Errorf("%v: %v, want %v", event, got, want)
		}
		if again, _ := s.See(trust.Grown, first.Pin()); again.Cause != s.Cause {
			t.Errorf("%v is forgotten when the log grows: %v", event, again.Cause)
		}
	}
	if (trust.State{}).Why() != fault.IdentityChanged {
		t.Error("the zero state has no reason")
	}
}

func TestWordsForPeople(t *testing.T) {
	for _, s := range []fmt.Stringer{trust.Mark(0), trust.Mark(5), trust.Event(9), trust.Event(-1), trust.Notice(-1), trust.Notice(3)} {
		if s.String() != "unknown" {
			t.Errorf("%T %v", s, s)
		}
	}
	if trust.Verified.String() != "verified" || trust.Acknowledged.String() != "acknowledged" || trust.Blocked.String() != "blocked" ||
		trust.None.String() != "none" {
		t.Error("words are shifted")
	}
}
