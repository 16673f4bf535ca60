package group

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

// checks verifies signatures, of more than one entry on all cores beside the caller.
type checks struct {
	todo    chan check
	workers sync.WaitGroup
	at      int // which of the entries given is being placed

	mu    sync.Mutex
	first int // the first one that is wrong, when err is set
	err   error
}

type check struct {
	n      *node
	record *device.Record
	at     int
}

func startChecks(entries int) *checks {
	c := &checks{}
	cores := min(runtime.GOMAXPROCS(0), entries)
	if cores < 2 {
		return c
	}
	c.todo = make(chan check, 64)
	for range cores {
		c.workers.Go(func() {
			for x := range c.todo {
				c.verify(x)
			}
		})
	}
	return c
}

// add has one signature checked. It fails when this or an earlier one is known to be wrong.
func (c *checks) add(n *node, record *device.Record) error {
	x := check{n, record, c.at}
	if c.todo != nil {
		c.todo <- x
	} else {
		c.verify(x)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *checks) verify(x check) {
	place := cose.Context{Type: wire.LabelGroupState, AAD: groupentry.AAD(x.n.Group)}
	_, err := x.record.Verifier().Verify1(x.n.b, place)
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || x.at < c.first {
		c.first, c.err = x.at, fmt.Errorf("group: entry %d of those given: %w", x.at, err)
	}
}

// wait ends the checks and returns what the first wrong one is.
func (c *checks) wait() error {
	if c.todo != nil {
		close(c.todo)
		c.workers.Wait()
	}
	return c.err
}
