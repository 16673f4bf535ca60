package linking

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/internal/sim"
)

// Kind is what goes wrong at a step.
type Kind int

// The kinds. Where a side crashes the process is gone, with the attempt; the disk stays.
const (
	CrashBefore    Kind = iota // at a commit, before it is durable
	CrashAfter                 // at a commit, after it is durable
	FailBefore                 // a commit fails, and the app does the step again
	FailAfter                  // a commit is durable and reports failure, and the app does the step again
	CrashUnsent                // after the step, before its message has left
	CrashSent                  // after its message has left
	CrashBoth                  // both sides, after the message has left
	RestoreStep                // crash, and the store is put back to before the step
	RestoreAttempt             // crash, and the store is put back to before the attempt
	Lose                       // the message
	Double                     // the message
	Cancel                     // the person does
	ClockBack                  // a side's clock is a day behind from then on
	ClockAhead                 // and ahead by the life of an attempt
	ClockBlinks                // a day behind while the phone looks, and right again
)

var kinds = [...]string{
	"crash before", "crash after", "fail before", "fail after", "crash unsent", "crash sent", "crash both", "restore step",
	"restore attempt", "lose", "double", "cancel", "clock back", "clock ahead", "clock blinks",
}

func (k Kind) String() string { return kinds[k] }

// Fault is something that goes wrong once.
type Fault struct {
	Step   int
	Commit int // of the step, for the kinds that are about one
	Kind   Kind
	Late   bool // a phone that crashed starts when the time of the attempt is over, and not at once
}

func (f *Fault) String() string {
	return fmt.Sprintf("%s at step %d, commit %d, late %v", f.Kind, f.Step, f.Commit, f.Late)
}

// Run does what is left of an attempt that can be done. What went wrong on the way is for Check.
func (a *Attempt) Run(f *Fault) error {
	generation := [2]int{a.old.Disk.Commits(), a.new.Disk.Commits()}
	for i, s := range Steps(a.byCode) {
		var err error
		if f != nil && f.Step == i {
			err = a.hit(f, &s, generation[s.Side])
		} else {
			err = a.Do(&s)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// Effect is what a step leaves behind.
type Effect struct {
	Commits int
	Sends   bool
}

// Effects are those of each step of an attempt in which nothing goes wrong.
func (a *Attempt) Effects() ([]Effect, error) {
	var all []Effect
	for _, s := range Steps(a.byCode) {
		disk := a.phone(s.Side).Disk
		before := disk.Commits()
		send, err := a.try(&s)
		if err != nil {
			return nil, err
		}
		a.send(s.Side, send)
		all = append(all, Effect{disk.Commits() - before, send != nil})
	}
	return all, a.Complete()
}

// hit does a step at which something goes wrong.
func (a *Attempt) hit(f *Fault, s *Step, start int) error {
	p := a.phone(s.Side)
	before := p.Disk.Commits()
	switch f.Kind {
	case CrashBefore, CrashAfter, FailBefore, FailAfter:
		power := sim.CutBefore
		if f.Kind == CrashAfter || f.Kind == FailAfter {
			power = sim.CutAfter
		}
		p.Disk.CutAt(f.Commit, power)
		if _, err := a.try(s); err != nil {
			return err
		}
		p.Disk.On()
		if f.Kind == FailBefore || f.Kind == FailAfter {
			return a.Do(s)
		}
		return a.crash(f, s.Side)
	case CrashUnsent:
		if _, err := a.try(s); err != nil {
			return err
		}
		return a.crash(f, s.Side)
	case Lose:
		_, err := a.try(s)
		return err
	case Double:
		send, err := a.try(s)
		a.send(s.Side, send)
		a.send(s.Side, send)
		return err
	}
	if err := a.Do(s); err != nil {
		return err
	}
	switch f.Kind {
	case CrashSent:
		return a.crash(f, s.Side)
	case CrashBoth:
		a.Crash(1 - s.Side)
		if err := a.crash(f, s.Side); err != nil || f.Late {
			return err
		}
		return a.restart(1 - s.Side)
	case RestoreStep, RestoreAttempt:
		if f.Kind == RestoreAttempt {
			before = start
		}
		a.Crash(s.Side)
		if err := p.Disk.Restore(before); err != nil || f.Late {
			return err
		}
		return a.restart(s.Side)
	case Cancel:
		return a.cancel(s.Side)
	case ClockBack:
		p.Ahead = -day
		return a.Over(s.Side)
	case ClockAhead:
		p.Ahead = life
		return a.Over(s.Side)
	case ClockBlinks:
		p.Ahead = -day
		err := errors.Join(a.Over(s.Side), p.Sync())
		p.Ahead = 0
		return err
	}
	return nil
}

func (a *Attempt) crash(f *Fault, side Side) error {
	a.Crash(side)
	if f.Late {
		return nil
	}
	return a.restart(side)
}

// restart turns a phone on again while the other side goes on.
func (a *Attempt) restart(side Side) error {
	p := a.phone(side)
	if err := p.Start(); err != nil {
		return err
	}
	return p.Sync()
}
