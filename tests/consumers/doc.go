// Package consumers runs what stands in for the products that use the Python original: their
// configurations, with the keys that each has, and modules with their names and imports, which do
// what the products do with dispatcherd. What comes of it must be the same with the original's service.
package consumers
