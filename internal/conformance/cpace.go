package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
)

// cpaceValues are byte strings, called as in the file.
type cpaceValues map[string]octets

// cpaceRun are the values of a run of both sides: ISK_IR is the key of initiator and responder, ISK_SY that of sides
// without roles.
var cpaceRun = []string{"PRS", "CI", "sid", "g", "ya", "ADa", "Ya", "yb", "ADb", "Yb", "K", "ISK_IR", "ISK_SY",
	"sid_output_ir", "sid_output_oc"}

// The values of a multiplication that succeeds: scalar, point, and the product by each of two functions.
const (
	cpaceScalar  = "s"
	cpaceX       = "X"
	cpaceDecoded = "G.scalar_mult(s,decode(X))"
	cpaceChecked = "G.scalar_mult_vfy(s,X)"
)

// cpaceSuite is a group of the draft, with SHA-512 as the hash. Only this driver needs more than internal/cpace has.
type cpaceSuite struct {
	dsi       string
	generator func(text []byte) ([]byte, error)            // of a generator string
	mult      func(scalar, point []byte) ([]byte, error)   // fault.Malformed where the draft aborts
	isk       func(v cpaceValues) (a, b []byte, err error) // of both sides, by internal/cpace; nil when it has not the group
	invalid   func(point []byte) (string, error)           // demands a refusal of 32 bytes
}

// cpaceSuites are called as in the file. The map is written nowhere.
var cpaceSuites = map[string]*cpaceSuite{
	"G_Coffee25519": {cpace.DSI, ristrettoGenerator, ristrettoMult, runCPace, invalidRistretto},
	"G_25519":       {"CPace255", elligator2, agreeX25519, nil, invalidX25519},
}

// cpaceNames says which suite each member of a file is about: runs, and points of either spelling.
var cpaceNames = map[string]string{
	"G_Coffee25519": "G_Coffee25519", "G_Coffee25519_points": "G_Coffee25519",
	"G_25519": "G_25519", "G_25519_points": "G_25519", "X25519_points": "G_25519",
}

// cpaceVectors drives the published vectors of draft-irtf-cfrg-cpace. Suites that sotto does not have are skipped.
func cpaceVectors(s *suite, file []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(file, &members); err != nil {
		return err
	}
	delete(members, "source") // about the file
	known := 0
	for _, name := range slices.Sorted(maps.Keys(members)) {
		c := cpaceSuites[cpaceNames[name]]
		switch {
		case c == nil:
			s.check(name, func() (string, error) { return "", notOurs(name) })
			continue
		case strings.HasSuffix(name, "_points"):
			if err := c.points(s, name, members[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			if err := c.run(s, name, members[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		known++
	}
	if known == 0 {
		return errors.New("no suite that sotto has")
	}
	return nil
}

// run checks a run value by value.
func (c *cpaceSuite) run(s *suite, name string, object []byte) error {
	v, err := s.cpaceValues(name, object, cpaceRun...)
	if err != nil {
		return err
	}
	check := func(row, value string, compute func() ([]byte, error)) {
		s.check(name+" "+row, func() (string, error) {
			have, err := compute()
			if err != nil {
				return "", err
			}
			return "", equal(value, have, v[value])
		})
	}
	mult := func(scalar, point string) func() ([]byte, error) {
		return func() ([]byte, error) { return c.mult(v[scalar], v[point]) }
	}
	ir, oc := v.transcripts()
	check("g", "g", func() ([]byte, error) {
		return c.generator(cpace.GeneratorString(c.dsi, v["PRS"], v["CI"], v["sid"]))
	})
	check("Ya", "Ya", mult("ya", "g"))
	check("Yb", "Yb", mult("yb", "g"))
	check("K of A", "K", mult("ya", "Yb"))
	check("K of B", "K", mult("yb", "Ya"))
	check("ISK_IR", "ISK_IR", func() ([]byte, error) { return c.hashISK(v["sid"], v["K"], ir), nil })
	check("ISK_SY", "ISK_SY", func() ([]byte, error) { return c.hashISK(v["sid"], v["K"], oc), nil })
	check("sid_output_ir", "sid_output_ir", func() ([]byte, error) { return sidOutput(ir), nil })
	check("sid_output_oc", "sid_output_oc", func() ([]byte, error) { return sidOutput(oc), nil })
	if c.isk != nil {
		s.check(name+" run of both sides", func() (string, error) {
			a, b, err := c.isk(v)
			return "", errors.Join(err, equal("ISK of A", a, v["ISK_IR"]), equal("ISK of B", b, v["ISK_IR"]))
		})
	}
	return nil
}

// points checks points by the names that the file gives them.
func (c *cpaceSuite) points(s *suite, name string, object []byte) error {
	var points map[string]json.RawMessage
	if err := json.Unmarshal(object, &points); err != nil {
		return err
	}
	if len(points) == 0 {
		return errors.New("no points")
	}
	for _, key := range slices.Sorted(maps.Keys(points)) {
		title := name + " " + key
		switch {
		case key == "Valid":
			v, err := s.cpaceValues(title, points[key], cpaceScalar, cpaceX, cpaceDecoded, cpaceChecked)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			s.check(title, func() (string, error) { return "", c.valid(v) })
		case strings.HasPrefix(key, "Invalid "):
			s.check(title, func() (string, error) {
				var point octets
				if err := json.Unmarshal(points[key], &point); err != nil {
					return "", err
				}
				if len(point) != cpace.Size {
					return "", fmt.Errorf("point of %d bytes", len(point))
				}
				return c.invalid(point)
			})
		default:
			s.check(title, func() (string, error) { return "", skip("unknown kind of point") })
		}
	}
	return nil
}

func (c *cpaceSuite) valid(v cpaceValues) error {
	p, err := c.mult(v[cpaceScalar], v[cpaceX])
	if err != nil {
		return err
	}
	err = errors.Join(equal("product", p, v[cpaceDecoded]), equal("checked product", p, v[cpaceChecked]))
	if err != nil || c.isk == nil {
		return err
	}
	return c.checkProduct(v)
}

// cpaceValues reads the values of the given names. One that is not there is an error; other members are skipped cases.
func (s *suite) cpaceValues(title string, object []byte, names ...string) (cpaceValues, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	v := cpaceValues{}
	for _, name := range names {
		var b octets
		if err := json.Unmarshal(members[name], &b); err != nil || b == nil {
			return nil, fmt.Errorf("%s is missing or no byte string", name)
		}
		v[name] = b
		delete(members, name)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		s.check(title+" "+name, func() (string, error) { return "", skip("unknown value") })
	}
	return v, nil
}

// refusedPoint demands that the agreement was refused for what the peer sent.
func refusedPoint(err error) (string, error) { return refusedAs(fault.Malformed.Name(), err) }
