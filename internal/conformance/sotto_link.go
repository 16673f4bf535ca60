package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/link"
)

// sottoLinkKinds are the kinds of cases about linking that stand alone. The map is written nowhere.
var sottoLinkKinds = sottoKinds{
	"link":        sottoForm[sottoLink],
	"link_code":   sottoForm[sottoLinkCode],
	"link_digits": sottoForm[sottoLinkDigits],
	"cpace":       sottoForm[sottoCPace],
}

// sottoLinks drives cases as sottoKinds does. Besides, a case may be a sequence of calls in the attempt of a case that
// stands before it; and what is refused says whether the attempt is over after that.
func sottoLinks(s *suite, file []byte) error {
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
	s.checkEach("case", form.Cases, func(object []byte) (string, error) { return "", linkCase(s, named, object) })
	s.checkEach("refused", form.Refused, func(object []byte) (string, error) { return linkRefused(s, named, object) })
	return nil
}

func linkCase(s *suite, named map[string][]byte, object []byte) error {
	var n struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	if err := decode(object, &n); err != nil {
		return err
	}
	if named[n.Name] != nil {
		return errors.New("a name that another case has")
	}
	named[n.Name] = object
	if n.Kind == "link_sequence" {
		return linkSequence(named, object)
	}
	c, err := sottoLinkKinds.newCase(s.ctx, object)
	if err != nil {
		return err
	}
	return errors.Join(c.read(), c.write())
}

func linkRefused(s *suite, named map[string][]byte, object []byte) (string, error) {
	var r struct {
		Of     string                     `json:"of"`
		Change map[string]json.RawMessage `json:"change"`
		Fault  string                     `json:"fault"`
		Over   *bool                      `json:"over,omitempty"` // of an attempt: whether it is over
	}
	if err := decode(object, &r); err != nil {
		return "", err
	}
	broken, err := changedCase(named[r.Of], r.Change)
	if err != nil {
		return "", err
	}
	c, err := sottoLinkKinds.newCase(s.ctx, broken)
	if err != nil {
		return "", fmt.Errorf("case with the change: %w", err)
	}
	attempt, ok := c.(*sottoLink)
	if ok != (r.Over != nil) {
		return "", errors.New("whether the attempt is over must be said of attempts, and of nothing else")
	}
	if !ok {
		return refusedAs(r.Fault, c.read())
	}
	state, refusal := attempt.run()
	note, err := refusedAs(r.Fault, refusal)
	return note, errors.Join(err, same("whether the attempt is over", state == link.Aborted, *r.Over))
}
