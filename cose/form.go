package cose

import (
	"strings"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// form is what all COSE_Encrypt0 messages of one key, type and tagging have in common. Our writer has one form, so the
// reader compares instead of parsing. An app uses a key for one type as a rule, so a key keeps the form it used last.
type form struct {
	typ       string
	untagged  bool
	start     []byte // everything before the IV
	protected []byte // the protected header, a part of start
}

// form returns the form that c asks for, and refuses a Context that does not bind what it claims to.
func (k *Key) form(c *Context) (*form, error) {
	f := k.lastForm.Load()
	if f == nil || f.typ != c.Type || f.untagged != c.Untagged {
		if err := c.checkType(); err != nil {
			return nil, err
		}
		f = &form{typ: strings.Clone(c.Type), untagged: c.Untagged} // a clone, so that c stays on the caller's stack
		f.start, f.protected = coseimpl.AppendHotStart0(nil, !c.Untagged, int64(k.alg), c.Type, ivSize)
		k.lastForm.Store(f)
	}
	return f, c.checkAAD()
}
