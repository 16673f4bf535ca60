package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// sottoCase is one case of sotto's own formats (docs/spec), in both directions.
type sottoCase interface {
	// read opens what the case publishes through the public API and compares what comes out. A refusal by sotto has a
	// fault.Code, a comparison that fails has none.
	read() error

	// write makes the published bytes anew from the published randomness, and holds what the public API writes with its own
	// randomness against the same construction.
	write() error
}

// sottoKinds make the cases of each kind that stands in a file. An error is a case that is not of the expected form.
type sottoKinds map[string]func(ctx context.Context, object []byte) (sottoCase, error)

// sottoKeyKinds are the kinds of cases about keys. The map is written nowhere.
var sottoKeyKinds = sottoKinds{
	"wrapped_key": newSottoWrap,
	"kek":         newSottoWrap,
	"dek":         newSottoWrap,
	"sealed":      newSottoSealed,
	"combined":    newSottoCombined,
	"kek_request": newSottoRequest,
	"kek_grant":   newSottoGrant,
}

// run drives sotto's own formats: what must open, and what must be refused with exactly one fault.
func (k sottoKinds) run(s *suite, file []byte) error {
	var form struct {
		Cases   []json.RawMessage `json:"cases"`
		Refused []json.RawMessage `json:"refused"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	if len(form.Cases) == 0 || len(form.Refused) == 0 {
		return errors.New("no cases, or none that is refused")
	}
	named := map[string][]byte{}
	s.checkEach("case", form.Cases, func(object []byte) (string, error) {
		var n struct {
			Name string `json:"name"`
		}
		if err := decode(object, &n); err != nil {
			return "", err
		}
		if named[n.Name] != nil {
			return "", errors.New("a name that another case has")
		}
		named[n.Name] = object
		c, err := k.newCase(s.ctx, object)
		if err != nil {
			return "", err
		}
		return "", errors.Join(c.read(), c.write())
	})
	s.checkEach("refused", form.Refused, func(object []byte) (string, error) {
		var r struct {
			Of     string                     `json:"of"`
			Change map[string]json.RawMessage `json:"change"`
			Fault  string                     `json:"fault"`
			Group  int                        `json:"group,omitempty"` // of a printed recovery key that is mistyped
		}
		if err := decode(object, &r); err != nil {
			return "", err
		}
		broken, err := changedCase(named[r.Of], r.Change)
		if err != nil {
			return "", err
		}
		c, err := k.newCase(s.ctx, broken)
		if err != nil {
			return "", fmt.Errorf("case with the change: %w", err)
		}
		refusal := c.read()
		note, err := refusedAs(r.Fault, refusal)
		return note, errors.Join(err, same("group", groupOf(refusal), r.Group))
	})
	return nil
}

func (k sottoKinds) newCase(ctx context.Context, object []byte) (sottoCase, error) {
	var c struct {
		Kind string `json:"kind"`
	}
	if err := decode(object, &c); err != nil {
		return nil, err
	}
	newCase, ok := k[c.Kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", c.Kind)
	}
	return newCase(ctx, object)
}

// sottoForm makes a case that consists of what the file says.
func sottoForm[T any, P interface {
	*T
	sottoCase
}](_ context.Context, object []byte) (sottoCase, error) {
	c := P(new(T))
	return c, decode(object, c)
}

// refusedAs demands the one fault of that name.
func refusedAs(name string, err error) (string, error) {
	code := fault.Of(err)
	switch {
	case err == nil:
		return "", errOpened
	case code == 0:
		return "", err
	case code.Name() != name:
		return "", fmt.Errorf("refused as %s, want %s: %w", code.Name(), name, err)
	}
	return "refused: " + err.Error(), nil
}

// groupOf is the group of a printed recovery key that an error names, 0 for none.
func groupOf(err error) int {
	var g *recovery.GroupError
	if errors.As(err, &g) {
		return g.Group
	}
	return 0
}

// changedCase replaces one field of a case: exactly one, which must be there and another one before. What is refused then
// is refused for that.
func changedCase(object []byte, change map[string]json.RawMessage) ([]byte, error) {
	if object == nil {
		return nil, errors.New("of no case that stands before")
	}
	if len(change) != 1 {
		return nil, fmt.Errorf("%d changes, want one", len(change))
	}
	var c struct {
		Kind    json.RawMessage            `json:"kind"`
		Inputs  map[string]json.RawMessage `json:"inputs"`
		Outputs map[string]json.RawMessage `json:"outputs"`
	}
	if err := decode(object, &c); err != nil {
		return nil, err
	}
	for field, value := range change {
		var old json.RawMessage
		if field == "kind" {
			old, c.Kind = c.Kind, value
		} else if in, ok := c.Inputs[field]; ok {
			old, c.Inputs[field] = in, value
		} else if out, ok := c.Outputs[field]; ok {
			old, c.Outputs[field] = out, value
		}
		if old == nil || bytes.Equal(old, value) {
			return nil, fmt.Errorf("no change of %s", field)
		}
	}
	return json.Marshal(c)
}

// remade checks what the public API wrote. have and want, the published bytes, are the same but for the randomness, which
// stands in both at the same place, and what follows from it. From have's own randomness, remake must make have.
func remade(what string, have, want, random []byte, remake func(random []byte) ([]byte, error)) error {
	at := bytes.Index(want, random)
	if at < 0 || len(have) != len(want) {
		return fmt.Errorf("%s: %d bytes instead of %d", what, len(have), len(want))
	}
	again, err := remake(have[at : at+len(random)])
	if err != nil {
		return err
	}
	return equal("what sotto writes as "+what, have, again)
}
