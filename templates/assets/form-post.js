// The response to an app goes on at once; without this file by its button. In words that old browsers know, because
// one line that a browser does not know would stop all of it.
var form = document.forms[0];
form.submit();
// A press while the app is slow would send the response a second time.
form.onsubmit = function () {
  return false;
};
