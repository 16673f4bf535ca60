// Package conformance runs sotto against files of test vectors: published ones and its own. `sotto conformance PATH...`
// and the tests of this package call the same function, Run, so a third party can hold its own files against it.
//
// A driver is chosen by the name of a file, or for the files of cose-wg/Examples by their form. Everything that a driver
// expects comes out of the file: no case is known by name. What a file is about that sotto does not have is counted as
// skipped, never left out; what a file of a known name lacks is a failure.
package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sottokit/sotto/fault"
)

// Options say what is run besides the usual.
type Options struct {
	Soak bool // also the cases that take minutes, such as a million iterations of X25519
}

// maxFile bounds a vector file, in bytes.
const maxFile = 64 << 20

// driver runs the cases of a file. An error says that the file as a whole is not of the driver's form.
type driver func(s *suite, file []byte) error

// drivers are chosen by the base name of a file. The map is written nowhere.
var drivers = map[string]driver{
	"dmsg_mk":            dmsgMasterKeys,
	"dmsg_keys":          dmsgKeys,
	"dmsg_encrypt0_edge": dmsgEncrypt0Edge,
	"dmsg_cosekey_edge":  dmsgKeyEdge,
	"vetkd_mk3":          vetkdMasterKeys,
	"sotto_keys":         sottoKeyKinds.run,
	"sotto_devices":      sottoDeviceKinds.run,
	"sotto_lockbox":      sottoLockboxKinds.run,
	"sotto_sessions":     sottoSessionKinds.run,
	"sotto_numbers":      sottoNumberKinds.run,
	"sotto_groups":       sottoGroupKinds.run,
	"sotto_link":         sottoLinks,
	"signal_fingerprint": signalFingerprints,
	"sotto_suite2":       sottoSessionKinds.run,
	"native_v2":          native,

	"cpace_ristretto255_and_x25519": cpaceVectors,

	"aes_gcm_test":           wycheproofAEAD("A128GCM", "A192GCM", "A256GCM"),
	"chacha20_poly1305_test": wycheproofAEAD("ChaCha-Poly1305"),
	"aes_wrap_test":          wycheproof(wycheproofKeyWrap),
	"x25519_test":            wycheproof(wycheproofX25519),
	"ed25519_test":           wycheproof(wycheproofEd25519),
	"hkdf_sha256_test":       wycheproof(wycheproofHKDF),
	"pbkdf2_hmacsha256_test": wycheproof(wycheproofPBKDF2),

	"x-wing":  xwingVectors,
	"hpke-pq": hpkePQ,

	"rfc3394-aes-kw":               rfcTests(keyWrap),
	"rfc5869-hkdf":                 rfcTests(hkdfBothSteps),
	"rfc6070-pbkdf2":               rfcTests(pbkdf2Test),
	"rfc7748-x25519":               rfcTests(x25519Test),
	"rfc7914-pbkdf2-sha256":        rfcTests(pbkdf2Test),
	"rfc7914-scrypt":               rfcTests(scryptTest),
	"rfc8032-ed25519":              rfcTests(ed25519Test),
	"rfc8439-chacha20poly1305":     rfcTests(chachaTest),
	"rfc9106-argon2":               rfcTests(argon2Test),
	"phc-argon2id-hashtests":       rfcTests(argon2Test),
	"rfc8949-appendix-f-malformed": rfcTests(malformedCBOR),
}

const examplesDriver = "cose-wg/Examples"

// Run runs every file under paths, calls each (which may be nil) after each file, and returns all outcomes. A path is a
// file, or a directory whose *.json files are run recursively in lexical order. Failed cases are no error: an error is a
// path that cannot be read, or a done ctx (fault.Canceled).
func Run(ctx context.Context, paths []string, o Options, each func(File)) ([]File, error) {
	var all []File
	for _, path := range paths {
		err := walk(path, func(path string) error {
			f, err := runFile(ctx, path, o)
			if err != nil {
				return err
			}
			all = append(all, f)
			if each != nil {
				each(f)
			}
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// walk calls f for path itself, or for the vector files below it when it is a directory.
func walk(path string, f func(string) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("conformance: %w", err)
	}
	if !info.IsDir() {
		return f(path)
	}
	return fs.WalkDir(os.DirFS(path), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("conformance: %w", err)
		}
		file := d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0
		if !file || filepath.Ext(name) != ".json" {
			return nil
		}
		return f(filepath.Join(path, filepath.FromSlash(name)))
	})
}

// runFile runs one file.
func runFile(ctx context.Context, path string, o Options) (File, error) {
	f := File{Path: path}
	if err := ctx.Err(); err != nil {
		return f, fmt.Errorf("conformance: %w: %w", fault.Canceled, err)
	}
	base, isJSON := strings.CutSuffix(filepath.Base(path), ".json")
	s := suite{ctx: ctx, options: o}
	if isJSON {
		content, err := readFile(path)
		if err != nil {
			return f, err
		}
		f.Driver = s.run(base, content)
	} else {
		s.cases = []Case{noDriver(filepath.Base(path))}
	}
	if err := ctx.Err(); err != nil {
		return f, fmt.Errorf("conformance: %w: %w", fault.Canceled, err)
	}
	f.Cases = s.cases
	return f, nil
}

// readFile returns one byte more than the limit of a file that is over it.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	return content, nil
}

// run chooses the driver of a JSON file, runs it, and returns its name. Whatever the file holds, there is a case.
func (s *suite) run(base string, content []byte) (name string) {
	wrong := func(why string) { s.cases = append(s.cases, Case{Name: base, Status: Failed, Note: why}) }
	defer func() {
		if p := recover(); p != nil {
			wrong(fmt.Sprintf("panic: %v", p))
		}
	}()
	name, run := choose(base, content)
	switch {
	case len(content) > maxFile:
		wrong(fmt.Sprintf("file over the limit of %d bytes", maxFile))
	case !json.Valid(content):
		wrong("not JSON")
	case run == nil:
		s.cases = append(s.cases, noDriver(base))
	default:
		if err := run(s, content); err != nil {
			wrong("file is not of the expected form: " + err.Error())
		}
		if len(s.cases) == 0 {
			wrong("no cases")
		}
	}
	return name
}

func noDriver(name string) Case {
	return Case{Name: name, Status: Skipped, Note: "no driver for a file of this name"}
}

// choose returns the driver of a file and its name, nil and "" when there is none.
func choose(base string, content []byte) (string, driver) {
	if run, ok := drivers[base]; ok {
		return base, run
	}
	var form struct{ Title, Input, Output json.RawMessage }
	if json.Unmarshal(content, &form) == nil && form.Title != nil && form.Input != nil && form.Output != nil {
		return examplesDriver, coseExample
	}
	return "", nil
}
