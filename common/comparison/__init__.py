"""The verb `compare`: several configurations of an application, trained with several seeds and put beside each other."""
