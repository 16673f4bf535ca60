package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
)

// outcome is what came of a Wycheproof test.
type outcome struct {
	have, want []byte
	refused    error // why there is no value
	acceptable bool  // sotto accepts this test if its result is "acceptable", that is left to the implementation
}

// wycheproof makes a driver for a file of the project C2SP/wycheproof. f runs one test of a group; its error says that the
// test is not of the expected form, or why it is skipped.
func wycheproof(f func(group, test json.RawMessage) (outcome, error)) driver {
	return func(s *suite, file []byte) error {
		var form struct {
			Groups []json.RawMessage `json:"testGroups"`
		}
		if err := decode(file, &form); err != nil {
			return err
		}
		for i, group := range form.Groups {
			var g struct {
				Tests []json.RawMessage `json:"tests"`
			}
			if err := decode(group, &g); err != nil {
				return fmt.Errorf("group %d: %w", i+1, err)
			}
			s.checkEach("test", g.Tests, func(test []byte) (string, error) {
				var t struct {
					Result string `json:"result"`
				}
				if err := decode(test, &t); err != nil {
					return "", err
				}
				o, err := f(group, test)
				if err != nil {
					return "", err
				}
				return o.judge(t.Result)
			})
		}
		return nil
	}
}

// judge compares the outcome with the result that the file demands.
func (o *outcome) judge(result string) (string, error) {
	accept := o.acceptable
	switch result {
	case "valid":
		accept = true
	case "invalid":
		accept = false
	case "acceptable":
	default:
		return "", fmt.Errorf("unknown result %q", result)
	}
	switch {
	case accept && o.refused != nil:
		return "", fmt.Errorf("refused: %w", o.refused)
	case accept:
		return "", equal("value", o.have, o.want)
	case o.refused == nil:
		return "", errOpened
	default:
		return "refused: " + o.refused.Error(), nil
	}
}

// wycheproofAEAD drives the content algorithms of the given names; the key size chooses among them.
func wycheproofAEAD(names ...string) driver {
	return wycheproof(func(group, test json.RawMessage) (outcome, error) {
		var sizes struct {
			IV  int `json:"ivSize"`
			Key int `json:"keySize"`
			Tag int `json:"tagSize"`
		}
		var t struct {
			Key octets `json:"key"`
			IV  octets `json:"iv"`
			AAD octets `json:"aad"`
			Msg octets `json:"msg"`
			CT  octets `json:"ct"`
			Tag octets `json:"tag"`
		}
		if err := decode(group, &sizes); err != nil {
			return outcome{}, err
		}
		if err := decode(test, &t); err != nil {
			return outcome{}, err
		}
		for _, name := range names {
			content, err := contentNamed(name)
			if err != nil {
				return outcome{}, err
			}
			if sizes.Key != 8*content.KeySize || sizes.IV != 8*content.IVSize || sizes.Tag != 128 {
				continue
			}
			if len(t.IV) != content.IVSize {
				return outcome{}, fmt.Errorf("IV of %d bytes, and the group says %d", len(t.IV), content.IVSize)
			}
			aead, err := content.AEAD(t.Key)
			if err != nil {
				return outcome{}, err
			}
			sealed := slices.Concat(t.CT, t.Tag)
			plaintext, err := aead.Open(nil, t.IV, sealed, t.AAD)
			if err != nil {
				return outcome{refused: err}, nil
			}
			again := aead.Seal(nil, t.IV, plaintext, t.AAD)
			return outcome{have: slices.Concat(plaintext, again), want: slices.Concat(t.Msg, sealed)}, nil
		}
		const why = "key of %d, IV of %d, tag of %d bits: not a parameter of sotto"
		return outcome{}, skip(fmt.Sprintf(why, sizes.Key, sizes.IV, sizes.Tag))
	})
}
