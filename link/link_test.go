package link_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/device"
)

func TestDeviceIsLinked(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.done()
		k, l := r.new.Keys(), r.new.Log()
		if l.Pin() != r.log.Pin() || len(l.Active()) != 2 || r.new.User() != alice {
			t.Errorf("log %v of %q", l, r.new.User())
		}
		if _, err := l.Find(k.Record().Cert()); err != nil {
			t.Error(err)
		}
		if r.new.Nonce() != r.nonce || !bytes.Equal(r.new.Ticket(), r.ticket) {
			t.Error("another nonce or ticket")
		}
		if c, told := r.new.Choice(); !told || c.History != choices[1].History || c.Vault != nil {
			t.Errorf("choice %v, %t", c, told)
		}
		c, err := device.NewChallenge(server, alice, start)
		if err != nil {
			t.Fatal(err)
		}
		c.Nonce = r.nonce
		if _, err := c.Check(r.register(), r.log, start); err != nil {
			t.Error(err)
		}
	})
}
