/// The version of the tool, as it prints it and records it in what it makes.
package let toolVersion = "0.1.0"
