// Package house holds the tests that look at the repository as a whole: what it exports, and what depends on what.
package house
