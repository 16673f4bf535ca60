package recovery_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
)

// alphabet is that of the printed form, written once more.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// wantGroup expects a mistyped text, and the group that is named.
func wantGroup(t testing.TB, text string, group int) {
	t.Helper()
	_, err := recovery.Parse([]byte(text))
	var wrong *recovery.GroupError
	if !errors.As(err, &wrong) {
		t.Errorf("%q: %v", text, err)
		return
	}
	if wrong.Group != group {
		t.Errorf("%q: group %d is named, not %d", text, wrong.Group, group)
	}
	wantFault(t, err, fault.Malformed)
}

func TestParseTakesWhatPeopleWrite(t *testing.T) {
	key := newKey(t, unhex(t, "e1f9ac2c4c2b19b508b81d7f2bf2daf86688adec7e06459d36e51cdcce19ec2a"))
	printed := text(t, key)
	bare := strings.ReplaceAll(printed, "-", "")
	lookAlikes := strings.NewReplacer("0", "O", "1", "I").Replace(printed)
	for name, in := range map[string]string{
		"as printed":          printed,
		"lower case":          strings.ToLower(printed),
		"no dashes":           bare,
		"spaces for dashes":   strings.ReplaceAll(printed, "-", " "),
		"other dashes":        strings.ReplaceAll(printed, "-", "\u2014"),
		"lines":               strings.ReplaceAll(printed, "-", "\r\n"),
		"spaces around":       "\u00a0\t" + printed + "\n",
		"dashes around":       "--" + printed + "\u2013",
		"dashes elsewhere":    strings.Join(strings.Split(bare, ""), "-"),
		"twelve odd dashes":   "-" + bare[:1] + strings.Repeat("-", 11) + bare[1:],
		"O and I":             lookAlikes,
		"o and l":             strings.NewReplacer("O", "o", "I", "l").Replace(lookAlikes),
		"all of it, tolerant": " " + strings.ToLower(strings.NewReplacer("-", " \u2010\n", "1", "L").Replace(printed)),
	} {
		if got, err := recovery.Parse([]byte(in)); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.ContainsAny(printed, "0") || !strings.ContainsAny(printed, "1") {
		t.Error("the example has no look-alikes")
	}
}

func TestErrorNamesTheWrongGroup(t *testing.T) {
	key := newKey(t, unhex(t, "e1f9ac2c4c2b19b508b81d7f2bf2daf86688adec7e06459d36e51cdcce19ec2a"))
	printed := text(t, key)
	bare := strings.ReplaceAll(printed, "-", "")
	groups := strings.Split(printed, "-")
	for g := range groups {
		edit := func(group string) string {
			edited := append([]string{}, groups...)
			edited[g] = group
			return strings.Join(edited, "-")
		}
		rest := groups[g][1:]
		for _, c := range "UuV!\u00e9\uff11\x00" { // U is no V; a full-width one is no 1
			if c != rune(groups[g][0]) {
				wantGroup(t, edit(string(c)+rest), g+1)
				wantGroup(t, strings.ReplaceAll(edit(string(c)+rest), "-", ""), g+1)
			}
		}
		wantGroup(t, edit("\xff"+rest), g+1)
		wantGroup(t, edit(rest), g+1)
		wantGroup(t, edit(""), g+1)
		wantGroup(t, edit(groups[g]+"0"), g+1)

		wantGroup(t, bare[:5*g], g+1)
		wantGroup(t, bare[:5*g+4], g+1)
	}
	wantGroup(t, "", 1)
	wantGroup(t, bare+"0", recovery.Groups)
	wantGroup(t, printed+"-"+groups[0], recovery.Groups)
	wantGroup(t, groups[1]+"-"+groups[0]+printed[11:], 1)

	// One group too short, another too long: the sum is right, the dashes tell.
	shifted := append([]string{}, groups...)
	shifted[3], shifted[4] = groups[3]+groups[4][:1], groups[4][1:]
	if got, err := recovery.Parse([]byte(strings.Join(shifted, "-"))); err != nil || !got.Equal(key) {
		t.Errorf("a dash one place too late: %v", err)
	}
	shifted[8] = groups[8][1:2] + groups[8][:1] + groups[8][2:]
	wantGroup(t, strings.Join(shifted, "-"), 4)
}

func TestLastFourBitsAreZero(t *testing.T) {
	bare := strings.ReplaceAll(text(t, newKey(t, make([]byte, 32))), "-", "")
	accepted := 0
	for _, last := range alphabet {
		for _, check := range alphabet {
			if _, err := recovery.Parse([]byte(bare[:63] + string(last) + string(check))); err == nil {
				accepted++
				if last != '0' && last != 'G' {
					t.Errorf("accepted with %c", last)
				}
			}
		}
	}
	if accepted != 2 {
		t.Errorf("%d last characters are accepted, one bit makes 2", accepted)
	}
}

func TestTextIsLimited(t *testing.T) {
	printed := text(t, recovery.Generate())
	pad := strings.Repeat(" ", recovery.MaxText-len(printed))
	if _, err := recovery.Parse([]byte(printed + pad)); err != nil {
		t.Error(err)
	}
	_, err := recovery.Parse([]byte(printed + pad + " "))
	wantFault(t, err, fault.OverLimit)
}

func TestErrorShowsNothingOfTheText(t *testing.T) {
	printed := text(t, recovery.Generate())
	_, err := recovery.Parse([]byte(printed[:len(printed)-1]))
	if want := "recovery: group 13 of 13: " + fault.Malformed.Error(); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// What the groups promise, through the front door: one wrong character, or two that changed places, name their group.
func TestMistypedKeysAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, err := recovery.NewKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		if err != nil {
			t.Fatal(err)
		}
		printed, err := k.ExportSecretText()
		if err != nil {
			t.Fatal(err)
		}
		bare := bytes.ReplaceAll(printed, []byte("-"), nil)
		at := rapid.IntRange(0, len(bare)-1).Draw(t, "at")
		with := rapid.IntRange(at/5*5, at/5*5+4).Draw(t, "with")
		wrong := bytes.Clone(bare)
		wrong[at], wrong[with] = wrong[with], wrong[at]
		if bytes.Equal(wrong, bare) {
			other := rapid.IntRange(1, 31).Draw(t, "other")
			wrong[at] = alphabet[(strings.IndexByte(alphabet, wrong[at])+other)%32]
		}
		var group *recovery.GroupError
		if _, err := recovery.Parse(wrong); !errors.As(err, &group) || group.Group != at/5+1 {
			t.Fatalf("%s for %s: %v", wrong, bare, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	printed := text(f, newKey(f, unhex(f, "e1f9ac2c4c2b19b508b81d7f2bf2daf86688adec7e06459d36e51cdcce19ec2a")))
	f.Add([]byte(printed))
	f.Add([]byte(strings.ToLower(strings.ReplaceAll(printed, "-", " \u2014"))))
	f.Add([]byte(printed[1:]))
	f.Fuzz(func(t *testing.T, in []byte) {
		k, err := recovery.Parse(in)
		faulttest.FromInput(t, err)
		if err != nil {
			var group *recovery.GroupError
			if errors.As(err, &group) && (group.Group < 1 || group.Group > recovery.Groups) {
				t.Errorf("group %d", group.Group)
			}
			return
		}
		// One text is one key: what was typed is the printed form but for spelling.
		typed := strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(string(in)))
		typed = strings.Map(func(r rune) rune {
			if strings.ContainsRune(alphabet, r) {
				return r
			}
			return -1
		}, typed)
		printed := text(t, k)
		if strings.ReplaceAll(printed, "-", "") != typed {
			t.Errorf("%q is read as %s", in, printed)
		}
		if again, err := recovery.Parse([]byte(printed)); err != nil || !again.Equal(k) {
			t.Errorf("the printed form of %q is refused or another key: %v", in, err)
		}
	})
}
