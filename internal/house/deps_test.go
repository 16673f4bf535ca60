package house_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/sottokit/sotto/"

// deps lists what a package of this module needs, itself included.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", strings.TrimSuffix(module+pkg, "/.")).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// The wider algorithm table of the conformance runner, its CCM and its curves must never reach an app.
func TestPublicPackagesDoNotNeedTheConformanceRunner(t *testing.T) {
	for _, pkg := range publicPackages(t) {
		for _, dep := range deps(t, pkg) {
			if strings.HasPrefix(dep, module+"internal/conformance") || strings.HasPrefix(dep, module+"internal/house") {
				t.Errorf("%s needs %s", pkg, dep)
			}
			if dep == "net/http" || dep == "testing" && pkg != "store/storetest" && pkg != "sottotest" {
				t.Errorf("%s needs %s", pkg, dep)
			}
		}
	}
}

// Imports run downwards only. Rooms that are missing here have no floor yet: the test asks for one.
func TestImportsRunDownwards(t *testing.T) {
	floor := map[string]int{
		"fault": 0, "internal/wire": 0, "internal/secret": 0, "internal/coseimpl": 0, "internal/qr": 0,
		"internal/slot": 0, "internal/fingerprint": 0, "internal/pad": 0, "internal/message": 0, "internal/groupentry": 0,
		"ecdh": 1, "cose": 1, "recovery": 1, "internal/envelope": 1, "internal/sas": 1,
		"internal/cpace": 1, "internal/linking": 1,
		"mk": 2, "mk/lockbox": 2, "kek": 2, "dek": 2, "device": 2, "safetynumber": 2,
		"store": 2, "store/boltstore": 2, "store/storetest": 2,
		"session": 3, "group": 3, "trust": 3, "link": 3, "internal/queue": 3, "internal/directory": 3, "internal/groups": 3,
		".": 4, "sottotest": 5,
	}
	sameFloor := map[string]bool{ // the arrows that are drawn between rooms of one floor
		"cose -> ecdh":           true,
		"internal/wire -> fault": true, "internal/secret -> fault": true, "internal/qr -> fault": true,
		"internal/coseimpl -> fault": true, "internal/coseimpl -> internal/wire": true,
		"internal/slot -> fault": true, "internal/slot -> internal/wire": true, "internal/slot -> internal/coseimpl": true,
		"internal/pad -> fault": true, "internal/message -> fault": true, "internal/message -> internal/wire": true,
		"internal/message -> internal/coseimpl": true, "internal/message -> internal/pad": true,
		"internal/groupentry -> fault": true, "internal/groupentry -> internal/wire": true,
		"internal/groupentry -> internal/coseimpl": true,
		"internal/linking -> ecdh":                 true, "internal/linking -> internal/cpace": true,
		"internal/sas -> ecdh": true, "internal/envelope -> ecdh": true, "internal/directory -> trust": true, "internal/groups -> group": true,
		"mk/lockbox -> mk": true, "store/boltstore -> store": true, "store/storetest -> store": true,
	}
	for _, pkg := range publicPackages(t) {
		if _, ok := floor[pkg]; !ok {
			t.Errorf("%s has no floor", pkg)
		}
	}
	for pkg, f := range floor {
		for _, dep := range deps(t, pkg) {
			below, ok := strings.CutPrefix(dep, module)
			if dep+"/" == module {
				below, ok = ".", true // the facade
			}
			if !ok || below == pkg {
				continue
			}
			g, known := floor[below]
			if !known || g > f || g == f && !sameFloor[pkg+" -> "+below] {
				t.Errorf("%s (floor %d) needs %s (floor %d)", pkg, f, below, g)
			}
		}
	}
}
