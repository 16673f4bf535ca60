package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// octets is a byte string of a vector file, written in hexadecimal. It is nil where the file has none or a null, and not
// nil when it is empty.
type octets []byte

// UnmarshalJSON reads hexadecimal digits of either case.
func (o *octets) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil {
		return err
	}
	decoded, err := hex.DecodeString(*text)
	*o = decoded
	return err
}

// labelled is a byte string with a description beside it.
type labelled struct {
	Hex octets `json:"hex"`
}

// plain drops the type that reads hexadecimal.
func plain(list []octets) [][]byte {
	all := make([][]byte, len(list))
	for i, b := range list {
		all[i] = b
	}
	return all
}

// decode reads an object into the struct that v points to. A field that is absent or null is an error, unless its tag
// says omitempty: an expectation that is not there must not count as met.
func decode(object []byte, v any) error {
	if err := json.Unmarshal(object, v); err != nil {
		return err
	}
	if name := absent(object, reflect.TypeOf(v).Elem()); name != "" {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}

// absent returns the name of the first field that the struct t demands and object lacks.
func absent(object []byte, t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return ""
	}
	var present map[string]json.RawMessage
	if json.Unmarshal(object, &present) != nil {
		return "an object"
	}
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue // its fields are visible themselves
		}
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, ok := present[name]
		switch {
		case ok && string(value) != "null":
			if inner := absent(value, field.Type); inner != "" {
				return name + "." + inner
			}
		case option != "omitempty":
			return name
		}
	}
	return ""
}

// checkEach runs a case for every element of a list that is called what in the file. An element that is not of the form
// that f decodes is a failed case of its own.
func (s *suite) checkEach(what string, list []json.RawMessage, f func(object []byte) (string, error)) {
	for i, object := range list {
		s.check(caseName(what, i, object), func() (string, error) { return f(object) })
	}
}

// caseName names a case by what the file calls it: name, or tcId and comment. Else it is a number.
func caseName(what string, i int, object []byte) string {
	var id struct {
		Name    string      `json:"name"`
		TCID    json.Number `json:"tcId"`
		Comment string      `json:"comment"`
	}
	err := json.Unmarshal(object, &id)
	switch {
	case err == nil && id.TCID != "":
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", what, id.TCID, id.Comment))
	case err == nil && id.Name != "":
		return what + " " + id.Name
	}
	return fmt.Sprintf("%s %d of the list", what, i+1)
}

// equal compares a computed value with the expected one.
func equal(what string, have []byte, want octets) error {
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s is %x, want %x", what, abridged(have), abridged(want))
	}
	return nil
}

// same compares what is no byte string.
func same[T comparable](what string, have, want T) error {
	if have != want {
		return fmt.Errorf("%s is %v, want %v", what, have, want)
	}
	return nil
}

// published compares a value that not every file publishes.
func published(what string, have []byte, want octets) error {
	if want == nil {
		return nil
	}
	return equal(what, have, want)
}

// abridged keeps notes short: the first bytes tell two values apart or say where to look.
func abridged(b []byte) []byte { return b[:min(len(b), 64)] }

var errOpened = errors.New("accepted, and must be refused")
