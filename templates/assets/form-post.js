// The response to an app goes on at once; without this file by its button. In words that old browsers know, because
// one line that a browser does not know would stop all of it.
document.forms[0].submit();
