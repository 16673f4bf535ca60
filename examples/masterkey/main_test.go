package main

func Example() {
	main()
	// Output:
	// stored 138 bytes
	// correct horse opens the same key: true
	// incorrect horse is wrong
}
