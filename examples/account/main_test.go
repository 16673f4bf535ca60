package main

func Example() {
	main()
	// Output:
	// settled: true active devices: 1 messaging keys: 1
}
